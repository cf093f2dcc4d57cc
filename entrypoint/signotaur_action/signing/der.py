"""DER, as little as signatures need: put values together, take them apart. Pure."""

from typing import cast

from asn1crypto import core, parser

_UNIVERSAL, _CONTEXT = 0, 2
_SEQUENCE, _SET = 16, 17


class DerError(ValueError):
    """Bytes are not the DER that was expected."""


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return _emit(_UNIVERSAL, _SEQUENCE, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """Return a SET OF in the order that DER demands."""
    return _emit(_UNIVERSAL, _SET, b"".join(sorted(parts)))


def tagged(number: int, content: bytes) -> bytes:
    """Return ``[number]`` around parts that are encoded already."""
    return _emit(_CONTEXT, number, content)


def text(number: int, value: str) -> bytes:
    """Return ``[number]`` in the place of a BMPString's own tag."""
    return cast("bytes", parser.emit(_CONTEXT, 0, number, value.encode("utf-16-be")))


def ascii_text(number: int, value: str) -> bytes:
    """Return ``[number]`` in the place of an IA5String's own tag."""
    return cast("bytes", parser.emit(_CONTEXT, 0, number, value.encode("ascii")))


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


def contents(encoded: bytes) -> bytes:
    """Return the content of a value, without its tag and length. Bytes after it are ignored."""
    return _parsed(encoded)[0]


def children(encoded: bytes) -> list[bytes]:
    """Return the values in a constructed value, each with its own tag and length."""
    rest = contents(encoded)
    found = []
    while rest:
        length = _parsed(rest)[1]
        found.append(rest[:length])
        rest = rest[length:]
    return found


def _emit(kind: int, tag: int, content: bytes) -> bytes:
    constructed = 1
    return cast("bytes", parser.emit(kind, constructed, tag, content))


def _parsed(encoded: bytes) -> tuple[bytes, int]:
    try:
        parts = parser.parse(encoded)
    except ValueError:
        raise DerError("it is not valid DER") from None
    header, content, trailer = parts[3:6]
    return content, len(header) + len(content) + len(trailer)
