"""The lifetime of a certificate, read from its bytes. Pure.

Only the outermost fields of X.509 (RFC 5280, 4.1) are read. The commands that judge a
certificate run without the extra ``sign`` and its libraries.
"""

import hashlib
import re
from datetime import datetime

from signotaur_action.model import CertificateInfo, CertificateSelector

_INTEGER, _SEQUENCE, _VERSION = 0x02, 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_MOMENT = re.compile(r"[0-9]{14}Z")
_LONG_LENGTH = 0x80
_LENGTH_BYTES_MAX = 4


class CertificateUnreadableError(ValueError):
    """The bytes are not a certificate."""


def certificate_info(encoded: bytes, selector: CertificateSelector) -> CertificateInfo:
    """Return the facts of a certificate, DER. Raises CertificateUnreadableError."""
    certificate, _ = _expect(_SEQUENCE, encoded)
    rest, _ = _expect(_SEQUENCE, certificate)
    if rest[:1] == bytes([_VERSION]):
        _, rest = _expect(_VERSION, rest)
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serial number, algorithm, issuer
        _, rest = _expect(tag, rest)
    validity, _ = _expect(_SEQUENCE, rest)
    begins_at, validity = _time(validity)
    ends_at, _ = _time(validity)
    thumbprint = hashlib.sha1(encoded, usedforsecurity=False).hexdigest().upper()
    return CertificateInfo(selector, thumbprint, begins_at, ends_at)


def _time(encoded: bytes) -> tuple[datetime, bytes]:
    tag, content, rest = _take(encoded)
    text = content.decode("ascii", errors="replace")
    if tag == _UTC_TIME:  # two digits of the year; from 50 on they mean the last century
        text = ("19" if text >= "5" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise CertificateUnreadableError("it has no dates")
    if not _MOMENT.fullmatch(text):
        raise CertificateUnreadableError("its dates are not valid")
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S%z"), rest
    except ValueError:
        raise CertificateUnreadableError("its dates are not valid") from None


def _expect(tag: int, encoded: bytes) -> tuple[bytes, bytes]:
    """Return the content of the first value and what follows it."""
    found, content, rest = _take(encoded)
    if found != tag:
        raise CertificateUnreadableError("it does not have the fields of a certificate")
    return content, rest


def _take(encoded: bytes) -> tuple[int, bytes, bytes]:
    """Return tag and content of the first value, and what follows it."""
    if len(encoded) < 2:  # noqa: PLR2004 - tag and length
        raise CertificateUnreadableError("it is cut off")
    length, start = encoded[1], 2
    if length >= _LONG_LENGTH:
        size = length - _LONG_LENGTH
        if not 0 < size <= _LENGTH_BYTES_MAX:
            raise CertificateUnreadableError("it is not valid DER")
        start += size
        length = int.from_bytes(encoded[2:start])
    end = start + length
    if end > len(encoded):
        raise CertificateUnreadableError("it is cut off")
    return encoded[0], encoded[start:end], encoded[end:]
