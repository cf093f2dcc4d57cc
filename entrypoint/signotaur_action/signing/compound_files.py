"""Compound files, the container of MSI: the entries of their directory, as [MS-CFB] defines them.

The file is not trusted: every number in it is checked before it is used.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENTRY_SIZE = 128
"""Size of one entry in bytes. Every entry starts at a multiple of it in the file."""

_HEADER_SIZE = 512
_LITTLE_ENDIAN = 0xFFFE
_SECTOR_SHIFTS = {3: 9, 4: 12}
"""The sector size of each major version, as a power of two."""
_SMALL_SECTOR = 64
_LARGEST_READ = 16 << 20
_END_OF_CHAIN = 0xFFFFFFFE
_IN_HEADER = 109
"""Number of sectors of the allocation table that the header lists."""


class CompoundFileError(ValueError):
    """The file is damaged, or is not a compound file."""


def directory_entries(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the entries of the directory, 128 bytes each. Raises CompoundFileError."""
    yield from _CompoundFile(stream).entries()


def content_of(stream: BinaryIO, entry: bytes) -> bytes:
    """Return the content that an entry of the directory names. Raises CompoundFileError."""
    return _CompoundFile(stream).content(entry)


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
        self._smallest_own, self._first_small_table_sector = struct.unpack_from("<II", header, 56)
        (self._first_list_sector,) = struct.unpack_from("<I", header, 68)
        self._table_sectors: list[int] = list(struct.unpack_from(f"<{_IN_HEADER}I", header, 76))

    def entries(self) -> Iterator[bytes]:
        for sector in self._chain(self._first_directory_sector):
            content = self._read(sector)
            for at in range(0, len(content), ENTRY_SIZE):
                yield content[at : at + ENTRY_SIZE]

    def content(self, entry: bytes) -> bytes:
        start, size = struct.unpack_from("<II", entry, 116)
        if size > _LARGEST_READ:
            raise CompoundFileError
        if size >= self._smallest_own:
            sectors = islice(self._chain(start), -(-size // self._sector_size))
            found = b"".join(map(self._read, sectors))
        else:
            found = b"".join(islice(self._small_sectors(start), -(-size // _SMALL_SECTOR)))
        if len(found) < size:
            raise CompoundFileError
        return found[:size]

    def _small_sectors(self, sector: int) -> Iterator[bytes]:
        """Yield the small sectors of a chain; they are inside the stream of the first entry."""
        table = b"".join(map(self._read, self._chain(self._first_small_table_sector)))
        (container,) = struct.unpack_from("<I", next(self.entries()), 116)
        sectors, per_sector = list(self._chain(container)), self._sector_size // _SMALL_SECTOR
        while sector < min(len(sectors) * per_sector, len(table) // 4):
            at = sector % per_sector * _SMALL_SECTOR
            yield self._read(sectors[sector // per_sector])[at : at + _SMALL_SECTOR]
            (sector,) = struct.unpack_from("<I", table, 4 * sector)

    def _chain(self, sector: int) -> Iterator[int]:
        seen = set[int]()
        while sector != _END_OF_CHAIN:
            if sector in seen:
                raise CompoundFileError
            seen.add(sector)
            yield sector
            sector = self._next(sector)

    def _next(self, sector: int) -> int:
        per_sector = self._sector_size // 4
        table = self._read(self._table_sector(sector // per_sector))
        following: int = struct.unpack_from("<I", table, 4 * (sector % per_sector))[0]
        return following

    def _table_sector(self, number: int) -> int:
        """Return the sector that contains this part of the allocation table."""
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
