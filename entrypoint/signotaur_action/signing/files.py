"""The files that paths and patterns name, without those that !patterns exclude."""

import glob
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_WILD = re.compile(r"[*?]")
_EXCLUDES = "!"


class FilesError(ValueError):
    """The files cannot be found; contains every fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def patterns_in(text: str) -> list[str]:
    """Return the patterns in a list of files: one per line, blank lines are ignored."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return [line for line in lines if line]


def matching(patterns: Sequence[str], base: Path) -> list[Path]:
    """Return the files that patterns name, each once, in the order of the patterns.

    ``*`` and ``?`` match within one name, ``**`` matches any folders. ``!`` in front excludes
    files: by name if the pattern has no slash, else by path. Raises FilesError if a pattern
    matches no file.
    """
    includes = [each for each in patterns if not each.startswith(_EXCLUDES)]
    excludes = [each[len(_EXCLUDES) :] for each in patterns if each.startswith(_EXCLUDES)]
    if excludes and not includes:
        raise FilesError([f"!{excludes[0]} excludes files, but no files are named"])
    found = {each: _named(each, base) for each in includes}
    faults = [_no_match(each, base) for each, files in found.items() if not files]
    if faults:
        raise FilesError(faults)
    kept = [
        file for files in found.values() for file in files if not excluded(file, excludes, base)
    ]
    if includes and not kept:
        raise FilesError(["the !patterns exclude every file that was named"])
    return _once(kept)


def excluded(file: Path, patterns: Iterable[str], base: Path) -> bool:
    """Return whether any pattern excludes a file."""
    return any(_matches(pattern, file, base) for pattern in patterns)


def _matches(pattern: str, file: Path, base: Path) -> bool:
    if "/" not in pattern:
        return re.fullmatch(_expression(pattern), file.name, re.DOTALL) is not None
    folder = "" if Path(pattern).is_absolute() else re.escape(f"{base.absolute().as_posix()}/")
    whole = folder + _expression(pattern)
    return re.fullmatch(whole, file.absolute().as_posix(), re.DOTALL) is not None


def _expression(pattern: str) -> str:
    parts = []
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern):
        wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        parts.append(wild.get(part) or re.escape(part))
    return "".join(parts)


def _named(pattern: str, base: Path) -> list[Path]:
    if not _WILD.search(pattern):
        file = base / pattern
        return [file] if file.is_file() else []
    # Brackets are not wildcards here: file names contain them.
    escaped = pattern.replace("[", "[[]")
    matches = glob.iglob(escaped, root_dir=base, recursive=True, include_hidden=True)  # noqa: PTH207
    return [base / each for each in sorted(matches) if (base / each).is_file()]


def _no_match(pattern: str, base: Path) -> str:
    if _WILD.search(pattern):
        return f"no file matches {pattern}"
    return f"{pattern} {'is not a file' if (base / pattern).exists() else 'does not exist'}"


def _once(files: Iterable[Path]) -> list[Path]:
    """Keep the first of several names of one file, so that it is signed once."""
    first: dict[Path, Path] = {}
    for file in files:
        first.setdefault(file.resolve(), file)
    return list(first.values())
