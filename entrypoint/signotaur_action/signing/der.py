"""DER: encode the few types that a signature needs, and split encoded values. Pure.

asn1crypto encodes and parses each value. This module only joins and splits them, so that parts of
a message are copied byte for byte; ``cms`` says why that is needed.
"""

from functools import cache
from typing import cast

from asn1crypto import core, parser

_UNIVERSAL, _CONTEXT = 0, 2
_SEQUENCE, _SET = 16, 17
SEQUENCE, SET, INTEGER, OCTETS = 0x30, 0x31, 0x02, 0x04
"""The first byte of values that are read here."""


class DerError(ValueError):
    """The bytes are not the DER that was expected."""


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return _emit(_UNIVERSAL, _SEQUENCE, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """Return a SET OF, sorted as DER requires."""
    return _emit(_UNIVERSAL, _SET, b"".join(sorted(parts)))


def tagged(number: int, content: bytes) -> bytes:
    """Return ``[number]`` around content that is already encoded."""
    return _emit(_CONTEXT, number, content)


def text(number: int, value: str) -> bytes:
    """Return a BMPString with the implicit tag ``[number]``."""
    return cast("bytes", parser.emit(_CONTEXT, 0, number, value.encode("utf-16-be")))


def ascii_text(number: int, value: str) -> bytes:
    """Return an IA5String with the implicit tag ``[number]``."""
    return cast("bytes", parser.emit(_CONTEXT, 0, number, value.encode("ascii")))


@cache
def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    return cast("bytes", core.ObjectIdentifier(dotted).dump())


def integer(value: int) -> bytes:
    """Return an INTEGER."""
    return cast("bytes", core.Integer(value).dump())


def octets(content: bytes) -> bytes:
    """Return an OCTET STRING."""
    return cast("bytes", core.OctetString(content).dump())


NULL = b"\x05\x00"


def tag(number: int) -> int:
    """Return the first byte of ``[number]`` around other values, for numbers below 31."""
    return 0xA0 | number


def contents(encoded: bytes, expected: int | None = None) -> bytes:
    """Return the content of a value, without tag and length. Bytes after it are ignored.

    Raises DerError if a tag is expected, and the value has another.
    """
    if expected is not None and encoded[:1] != bytes([expected]):
        raise DerError("it is not the DER that was expected")
    return _parsed(encoded)[0]


def first(encoded: bytes) -> tuple[bytes, bytes]:
    """Return the first value, with its tag and length, and the bytes after it."""
    length = _parsed(encoded)[1]
    return encoded[:length], encoded[length:]


def children(encoded: bytes, expected: int = SEQUENCE) -> list[bytes]:
    """Return the values inside a value with this tag, each with its own tag and length."""
    rest = contents(encoded, expected)
    found = []
    while rest:
        value, rest = first(rest)
        found.append(value)
    return found


def is_tagged(number: int, encoded: bytes) -> bool:
    """Return whether a value is ``[number]`` around other values."""
    return encoded[:1] == bytes([tag(number)])


def _emit(kind: int, tag: int, content: bytes) -> bytes:
    constructed = 1
    return cast("bytes", parser.emit(kind, constructed, tag, content))


def _parsed(encoded: bytes) -> tuple[bytes, int]:
    try:
        parts = parser.parse(encoded)
    except ValueError:
        raise DerError("it is not valid DER") from None
    header, content, trailer = parts[3:6]
    if trailer:
        raise DerError("it has a value of indefinite length, which DER does not allow")
    return content, len(header) + len(content)
