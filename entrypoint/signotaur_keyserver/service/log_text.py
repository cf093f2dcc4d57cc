"""Texts from outside, made fit for a log or a screen. Pure."""

from signotaur_wire.keyformat import without_keys

LENGTH = 260
"""Of such a text at most; the longest path on Windows."""


def sanitize(text: str | None) -> str | None:
    """Return a text in one printable line, cut, and without the secret of any key."""
    if text is None:
        return None
    line = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in without_keys(text)
    )
    return line if len(line) <= LENGTH else f"{line[: LENGTH - 1]}\N{HORIZONTAL ELLIPSIS}"
