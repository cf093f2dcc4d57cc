"""PE files as Microsoft's "Windows Authenticode Portable Executable Signature Format" has them.

The signature is in the attribute certificate table at the end of the file. The digest covers all
bytes before that table except two fields: the checksum of the header, and the header's entry with
the table's place and size. So three things can change without breaking a signature: these two
fields, and the bytes of the table that are no part of the signed message. ``PeImage`` therefore
demands that the entry and the table agree, and the padding is zero.

The file is not trusted: every number in it is checked before it is used.
"""

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from signotaur_action.signing import der
from signotaur_action.signing.outcomes import FormatError
from signotaur_wire.signing import DigestAlgorithm

_CHUNK = 1 << 20
_HEADERS_SIZE = 176
"""From the PE mark to the end of the table's entry, in the longer of the two kinds of header."""
_FIRST_HEADER = 44
"""The PE headers may overlap the old DOS header, but not the field that names their place."""
_SECTION_SIZE = 40
_OPTIONAL_HEADERS = {0x10B: 0, 0x20B: 16}
"""How much further behind the entries are in each kind of optional header."""
_TABLE_ENTRY = 4
_ALIGNMENT = 8
_CERTIFICATE_HEADER = struct.Struct("<IHH")
_REVISION_AND_TYPE = (0x200, 2)
"""WIN_CERT_REVISION_2_0 and WIN_CERT_TYPE_PKCS_SIGNED_DATA."""
_TABLE_LIMIT = 16 << 20
_NO_SIGNATURE = "its certificate table contains no Authenticode signature"
_DAMAGED = "it is not a PE file, or is damaged"


@dataclass(frozen=True)
class PeImage:
    """An open PE file, with the places in it that matter for signatures, in bytes."""

    stream: BinaryIO
    checksum_at: int
    entry_at: int
    end: int
    """The end of what a signature covers: where the table starts, else the end of the file."""
    table_size: int
    """0 if the file is not signed."""

    @classmethod
    def read(cls, stream: BinaryIO) -> "PeImage":
        """Find the places. Raises FormatError for a file that is damaged or ambiguous."""
        size = stream.seek(0, os.SEEK_END)
        (at,) = struct.unpack("<I", _read(stream, 60, 4))
        headers = _read(stream, at, _HEADERS_SIZE) if at >= _FIRST_HEADER else b""
        if not headers.startswith(b"PE\0\0"):
            raise FormatError(_DAMAGED)
        sections, optional_size, kind = struct.unpack_from("<6xH12xH2xH", headers)
        shift = _OPTIONAL_HEADERS.get(kind)
        if shift is None:
            raise FormatError(_DAMAGED)
        (entries,) = struct.unpack_from("<I", headers, 116 + shift)
        entry = 152 + shift
        sections_at = at + 24 + optional_size
        if entries <= _TABLE_ENTRY or sections_at < at + entry + 8:
            raise FormatError("it is a PE file without room for a signature")
        start, length = struct.unpack_from("<II", headers, entry)
        image = cls(stream, at + 88, at + entry, start if length else size, length)
        image._check_table(size, start)
        image._check_sections(sections_at, sections)
        return image

    def digest(self, algorithm: DigestAlgorithm) -> bytes:
        """Return the Authenticode digest, as if the content ended at a multiple of 8 bytes."""
        hashed = hashlib.new(algorithm.value)
        for start, end in (
            (0, self.checksum_at),
            (self.checksum_at + 4, self.entry_at),
            (self.entry_at + 8, self.end),
        ):
            for chunk in _chunks(self.stream, start, end):
                hashed.update(chunk)
        hashed.update(bytes(-self.end % _ALIGNMENT))
        return hashed.digest()

    def message(self) -> bytes:
        """Return the signed message, DER; empty if the file is not signed. Raises FormatError."""
        if not self.table_size:
            return b""
        if self.table_size > _TABLE_LIMIT:
            raise FormatError("its signature is too large")
        table = _read(self.stream, self.end, self.table_size)
        length, *kind = _CERTIFICATE_HEADER.unpack_from(table)
        if tuple(kind) != _REVISION_AND_TYPE:
            raise FormatError(_NO_SIGNATURE)
        if not _CERTIFICATE_HEADER.size < length <= len(table) < length + _ALIGNMENT:
            raise FormatError("its certificate table does not contain exactly one signature")
        try:
            message, padding = der.first(table[_CERTIFICATE_HEADER.size :])
            der.children(message)
        except der.DerError:
            raise FormatError(_NO_SIGNATURE) from None
        if any(padding):
            raise FormatError("it has data after its signature that no signature covers")
        return message

    def write_signed(self, message: bytes, out: BinaryIO) -> None:
        """Write a copy that carries a message instead of the present one."""
        out.writelines(_chunks(self.stream, 0, self.end))
        out.write(bytes(-self.end % _ALIGNMENT))
        start = out.tell()
        size = _CERTIFICATE_HEADER.size + len(message)
        size += -size % _ALIGNMENT
        out.write(_CERTIFICATE_HEADER.pack(size, *_REVISION_AND_TYPE))
        out.write(message.ljust(size - _CERTIFICATE_HEADER.size, b"\0"))
        out.seek(self.entry_at)
        out.write(struct.pack("<II", start, size))
        out.seek(self.checksum_at)
        out.write(bytes(4))

    def checksum(self) -> int:
        """Return what the header's checksum must be, while the field itself is zero.

        It is the size, and the sum of all 16-bit words with the carries added to it.
        """
        size, total = self.stream.seek(0, os.SEEK_END), 0
        for chunk in _chunks(self.stream, 0, size):
            total += int.from_bytes(chunk, "little")  # 2**16 is 1 modulo 2**16 - 1
        return (total % 0xFFFF or 0xFFFF) + size

    def _check_table(self, size: int, start: int) -> None:
        if not start and not self.table_size:
            return
        if (
            start < self.entry_at + 8
            or start % _ALIGNMENT
            or self.table_size < _CERTIFICATE_HEADER.size
            or start + self.table_size != size
        ):
            raise FormatError("its certificate table is damaged, or not at its end")

    def _check_sections(self, at: int, count: int) -> None:
        table = _read(self.stream, at, count * _SECTION_SIZE)
        for offset in range(0, len(table), _SECTION_SIZE):
            length, start = struct.unpack_from("<II", table, offset + 16)
            if length and start + length > self.end:
                raise FormatError(
                    "it is damaged: a section extends past the end of the file's content"
                )


def _chunks(stream: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    stream.seek(start)
    left = end - start
    while left > 0:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise FormatError("it became shorter while it was read")
        left -= len(chunk)
        yield chunk


def _read(stream: BinaryIO, at: int, count: int) -> bytes:
    stream.seek(at)
    content = stream.read(count)
    if len(content) < count:
        raise FormatError(_DAMAGED)
    return content
