"""PowerShell scripts: the comment at their end that carries the signature."""

from pathlib import Path

_HASH, _XML, _C = ("# ", ""), ("<!-- ", " -->"), ("/* ", " */")
_SCRIPTS = {
    ".ps1": _HASH, ".psm1": _HASH, ".psd1": _HASH,
    ".ps1xml": _XML, ".psc1": _XML, ".cdxml": _XML, ".mof": _C,
}  # fmt: skip
"""The start and end of a comment line in each kind of script; comments contain the signature."""


def comment_of(file: Path) -> tuple[str, str] | None:
    """Return how a comment line starts and ends in a script, by its name; None for other files."""
    name = file.name.lower()
    return next((_SCRIPTS[each] for each in _SCRIPTS if name.endswith(each)), None)
