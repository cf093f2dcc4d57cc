"""Compound files, the container of MSI: the entries of their directory, as [MS-CFB] defines them.

The author of the file is not trusted: every number in it is checked before it is used.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENTRY_SIZE = 128
"""The bytes of one entry: entries start at multiples of it, from the start of the file on."""

_HEADER_SIZE = 512
_LITTLE_ENDIAN = 0xFFFE
_SECTOR_SHIFTS = {3: 9, 4: 12}
"""The size of a sector, as a power of two, in each major version."""
_END_OF_CHAIN = 0xFFFFFFFE
_IN_HEADER = 109
"""How many sectors of the allocation table the header itself lists."""


class CompoundFileError(ValueError):
    """The file is damaged, or is not a compound file."""


def directory_entries(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the entries of the directory, 128 bytes each. Raises CompoundFileError."""
    yield from _CompoundFile(stream).entries()


class _CompoundFile:
    def __init__(self, stream: BinaryIO) -> None:
        stream.seek(0)
        header = stream.read(_HEADER_SIZE)
        if len(header) < _HEADER_SIZE or not header.startswith(MAGIC):
            raise CompoundFileError
        major, order, shift = struct.unpack_from("<HHH", header, 26)
        if order != _LITTLE_ENDIAN or _SECTOR_SHIFTS.get(major) != shift:
            raise CompoundFileError
        self._stream = stream
        self._sector_size = 1 << shift
        (self._first_directory_sector,) = struct.unpack_from("<I", header, 48)
        (self._first_list_sector,) = struct.unpack_from("<I", header, 68)
        self._table_sectors: list[int] = list(struct.unpack_from(f"<{_IN_HEADER}I", header, 76))

    def entries(self) -> Iterator[bytes]:
        sector, seen = self._first_directory_sector, set[int]()
        while sector != _END_OF_CHAIN:
            if sector in seen:
                raise CompoundFileError
            seen.add(sector)
            content = self._read(sector)
            for at in range(0, len(content), ENTRY_SIZE):
                yield content[at : at + ENTRY_SIZE]
            sector = self._next(sector)

    def _next(self, sector: int) -> int:
        per_sector = self._sector_size // 4
        table = self._read(self._table_sector(sector // per_sector))
        following: int = struct.unpack_from("<I", table, 4 * (sector % per_sector))[0]
        return following

    def _table_sector(self, number: int) -> int:
        """Return the sector with this part of the allocation table."""
        per_sector = self._sector_size // 4 - 1  # the last number leads to the next list
        while number >= len(self._table_sectors):
            content = self._read(self._first_list_sector)
            *more, self._first_list_sector = struct.unpack(f"<{per_sector + 1}I", content)
            self._table_sectors += more
        return self._table_sectors[number]

    def _read(self, sector: int) -> bytes:
        self._stream.seek((sector + 1) * self._sector_size)
        content = self._stream.read(self._sector_size)
        if len(content) < self._sector_size:
            raise CompoundFileError
        return content
