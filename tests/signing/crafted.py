"""Files as an attacker would make them, for the readers of existing signatures."""

import struct
from datetime import UTC, datetime
from pathlib import Path

from signing import samples
from signotaur_action.signing import der
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.cms import Unsigned
from signotaur_action.signing.plan import Description
from signotaur_wire.signing import DigestAlgorithm

_CERTIFICATE_TABLE = 0x40 + 168
"""Where the 64-bit programs of ``samples`` name the place of their signature."""


def with_table(path: Path, start: int, length: int, appended: bytes = b"") -> Path:
    """Make a program whose header names a place for its signature."""
    content = bytearray(samples.tiny_pe(path).read_bytes())
    struct.pack_into("<II", content, _CERTIFICATE_TABLE, start, length)
    path.write_bytes(content + appended)
    return path


def with_long_digest(path: Path, certificate: bytes, digest_size: int) -> Path:
    """Make a signed program whose signature holds a digest of any size.

    osslsigncode before 2.12 copies the digest into 64 bytes of its stack when it verifies.
    """
    sha256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.NULL)
    image = der.sequence(der.oid("1.3.6.1.4.1.311.2.1.15"), der.sequence())
    digest = der.sequence(sha256, der.octets(b"A" * digest_size))
    content = der.sequence(
        der.oid("1.3.6.1.4.1.311.2.1.4"), der.tagged(0, der.sequence(image, digest))
    )
    attributes = Unsigned(content, DigestAlgorithm.SHA256).attributes(
        datetime.now(UTC), Description()
    )
    message = attributes.signed(b"\1" * 256, SigningCertificate.read(certificate))
    message += bytes(-len(message) % 8)
    table = struct.pack("<IHH", len(message) + 8, 0x200, 2) + message
    return with_table(path, samples.tiny_pe(path).stat().st_size, len(table), table)


def with_entry_named(path: Path, name: bytes, length: int) -> Path:
    """Rename the first free entry in an MSI's directory; ``length`` is what it says of its name."""
    content = bytearray(samples.installer(path).read_bytes())
    (directory,) = struct.unpack_from("<I", content, 48)
    at = (directory + 1) * 512
    while content[at + 66]:  # an entry in use
        at += 128
    content[at : at + len(name)] = name
    struct.pack_into("<HB", content, at + 64, length, 2)
    path.write_bytes(content)
    return path
