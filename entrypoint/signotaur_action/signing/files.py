"""Which files: paths, patterns, and what is left out of them."""

import glob
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_WILD = re.compile(r"[*?]")
_EXCLUDES = "!"


class FilesError(ValueError):
    """The files cannot be found as they were named; holds every fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def patterns_in(text: str) -> list[str]:
    """Return the patterns in a list of files: one on each line, blank lines do not count."""
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    return [line for line in lines if line]


def matching(patterns: Sequence[str], base: Path) -> list[Path]:
    """Return the files that patterns name, each once, in the order of the patterns.

    ``*`` and ``?`` match within one name, ``**`` any folders; ``!`` in front takes files away: by
    name if it holds no slash, else by path. Raises FilesError: every pattern must name a file.
    """
    includes = [each for each in patterns if not each.startswith(_EXCLUDES)]
    excludes = [each[len(_EXCLUDES) :] for each in patterns if each.startswith(_EXCLUDES)]
    if excludes and not includes:
        raise FilesError([f"!{excludes[0]} excludes files, but no file or pattern includes any"])
    found = {each: _named(each, base) for each in includes}
    faults = [_nothing(each, base) for each, files in found.items() if not files]
    if faults:
        raise FilesError(faults)
    kept = [
        file for files in found.values() for file in files if not excluded(file, excludes, base)
    ]
    if includes and not kept:
        raise FilesError(["every file is excluded by a !pattern"])
    return _once(kept)


def excluded(file: Path, patterns: Iterable[str], base: Path) -> bool:
    """Return whether any pattern takes a file away."""
    return any(_takes(pattern, file, base) for pattern in patterns)


def _takes(pattern: str, file: Path, base: Path) -> bool:
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
    # Brackets are no wildcards here: they stand in the names of files.
    escaped = pattern.replace("[", "[[]")
    matches = glob.iglob(escaped, root_dir=base, recursive=True, include_hidden=True)  # noqa: PTH207
    return [base / each for each in sorted(matches) if (base / each).is_file()]


def _nothing(pattern: str, base: Path) -> str:
    if _WILD.search(pattern):
        return f"no file matches {pattern}"
    return f"{pattern} {'is not a file' if (base / pattern).exists() else 'does not exist'}"


def _once(files: Iterable[Path]) -> list[Path]:
    """Keep the first of several names of one file: it is signed once."""
    first: dict[Path, Path] = {}
    for file in files:
        first.setdefault(file.resolve(), file)
    return list(first.values())
