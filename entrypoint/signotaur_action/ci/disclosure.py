"""Whether a text contains too much of a key, whole or in parts, in any encoding.

Masks hide whole encodings. This is the check for text that may contain a key in pieces, as the
output of a program that was given it: pieces are compared by their letters and digits alone, so
that separators, line ends and the case of letters hide none.
"""

import codecs
from collections.abc import Iterator

from signotaur_action.ci.masks import base64_cores, encodings
from signotaur_action.model import Secret

TOO_MANY = 12
"""Letters and digits of a key, or of an encoding of it, that are too many for a text."""
_PIECE = 5
"""Shorter pieces are not counted: words and numbers have them by chance."""

_CODES = ("{}", "{:o}", "{:03o}", "x{:02x}", "0x{:02x}", "u{:04x}")
"""A character by its number: decimal (lists, HTML), octal, and the escapes of C, JSON and HTML."""


def discloses(text: str, key: Secret) -> bool:
    """Return whether a text contains 12 or more characters of a key in pieces of 5 or more.

    A piece counts once, wherever it is. Compressed forms are not recognized.
    """
    known = {piece for form in _spellings(key) for piece in _pieces(form)}
    found = {piece: start for start, piece in enumerate(_pieces(text)) if piece in known}
    places = {place for start in found.values() for place in range(start, start + _PIECE)}
    return len(places) >= TOO_MANY


def _spellings(key: Secret) -> Iterator[str]:
    text = key.reveal()
    raw = text.encode()
    yield from encodings(key)
    for core in base64_cores(raw):
        yield from base64_cores(core.encode())
    yield codecs.encode(text, "rot13")
    for code in _CODES:
        yield "".join(code.format(byte) for byte in raw)


def _pieces(text: str) -> list[str]:
    plain = "".join(each for each in text.lower() if each.isalnum())
    return [plain[start : start + _PIECE] for start in range(len(plain) - _PIECE + 1)]
