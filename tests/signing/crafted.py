"""Files as an attacker would make them, for the readers of existing signatures."""

import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from signing import samples
from signotaur_action.signing import der
from signotaur_action.signing.certificate import SigningCertificate
from signotaur_action.signing.cms import Unsigned
from signotaur_action.signing.plan import Description
from signotaur_wire.signing import DigestAlgorithm

SIGNATURE_STREAM = "\5DigitalSignature\0".encode("utf-16-le")
_CERTIFICATE_TABLE = 0x40 + 168
"""Where the 64-bit programs of ``samples`` name the place of their signature."""


def with_table(path: Path, start: int, length: int, appended: bytes = b"") -> Path:
    """Make a program whose header names a place for its signature."""
    content = bytearray(samples.tiny_pe(path).read_bytes())
    struct.pack_into("<II", content, _CERTIFICATE_TABLE, start, length)
    path.write_bytes(content + appended)
    return path


def message_with_digest(certificate: bytes, digest_size: int) -> bytes:
    """Make a signature whose digest has any size.

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
    return attributes.signed(b"\1" * 256, SigningCertificate.read(certificate))


def with_long_digest(path: Path, certificate: bytes, digest_size: int) -> Path:
    """Make a program with such a signature."""
    message = message_with_digest(certificate, digest_size)
    message += bytes(-len(message) % 8)
    table = struct.pack("<IHH", len(message) + 8, 0x200, 2) + message
    return with_table(path, samples.tiny_pe(path).stat().st_size, len(table), table)


def installer_with_stream(path: Path, content: bytes) -> Path:
    """Make an MSI with this content where a signature would be."""
    added = path.with_name("added.bin")
    added.write_bytes(content)
    samples.installer(path)
    command = ["msibuild", path.name, "-a", "Stream", added.name]
    subprocess.run(command, cwd=path.parent, check=True, timeout=60)
    added.unlink()
    changed = bytearray(path.read_bytes())
    (directory,) = struct.unpack_from("<I", changed, 48)
    at = (directory + 1) * 512
    while struct.unpack_from("<I", changed, at + 120) != (len(content),):
        at += 128
    changed[at : at + 64] = SIGNATURE_STREAM.ljust(64, b"\0")
    struct.pack_into("<H", changed, at + 64, len(SIGNATURE_STREAM))
    path.write_bytes(changed)
    return path


def cabinet_with_end(path: Path, message: bytes) -> Path:
    """Give a signed CAB another signature."""
    changed = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", changed, 44)
    struct.pack_into("<I", changed, 48, len(message))
    path.write_bytes(bytes(changed[:start]) + message)
    return path


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
