"""Whether a file carries a signature, read here and not by osslsigncode.

osslsigncode before 2.13 can run code from a crafted signature when it verifies one. So this is
decided before that program sees a file. Where the readers below answer ``NONE``, osslsigncode 2.8
to 2.12 finds no signature either: they accept a file as a format only where that program does,
and its code for APPX, which had holes of its own, sees none of them.
"""

import re
import struct
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from signotaur_action.signing import cat_files
from signotaur_action.signing.compound_files import (
    ENTRY_SIZE,
    MAGIC,
    CompoundFileError,
    directory_entries,
)
from signotaur_action.signing.der import DerError
from signotaur_action.signing.outcomes import FormatError

_SUPPORTED = "sign supports PE, MSI, CAB, CAT and PowerShell files"
_NOT_SUPPORTED = (".appx", ".appxbundle", ".msix", ".msixbundle", ".js", ".vbs", ".wsf")

_HASH, _XML, _C = ("# ", ""), ("<!-- ", " -->"), ("/* ", " */")
_SCRIPTS = {
    ".ps1": _HASH, ".psm1": _HASH, ".psd1": _HASH,
    ".ps1xml": _XML, ".psc1": _XML, ".cdxml": _XML, ".mof": _C,
}  # fmt: skip
"""How a line of a script becomes a comment; the signature is written as comments."""
_BEGIN, _END = "SIG # Begin signature block", "SIG # End signature block"

_CHUNK = 1 << 20
_STREAM = 2
_STREAM_NAME = "\5DigitalSignature\0".encode("utf-16-le")
_END_OF_ZIP, _END_OF_ZIP_SIZE = b"PK\5\6", 22

_OPTIONAL_HEADERS = {0x10B: 0, 0x20B: 16}
"""How far the data directories move with the kind of a PE's optional header."""
_PE_HEADERS_SIZE = 176
_CERTIFICATE_TABLE = 5
"""A PE has so many data directories at least if it can hold a signature."""
_REVISION_AND_TYPE = (0x200, 2)

_CAB_HEADER_SIZE = 52
_CAB_PREVIOUS, _CAB_RESERVE = 1, 4
_CAB_RESERVE_SIZES = (20, 0x100000)


class Existing(Enum):
    """What a file shows of a signature."""

    NONE = "none"
    SIGNED = "signed"
    UNCLEAR = "unclear"
    """There may be one: the file is damaged, unusual, or made to look so."""


def existing_signature(file: Path) -> Existing:
    """Read a file; links must be resolved. Raises FormatError for other formats, and OSError."""
    name = file.name.lower()
    for ending in _NOT_SUPPORTED:
        if name.endswith(ending):
            raise FormatError(f"{ending} files are not supported; {_SUPPORTED}")
    with file.open("rb") as stream:
        if cat_files.is_catalog(file):
            return _in_catalog(stream.read())
        for ending, comment in _SCRIPTS.items():
            if name.endswith(ending):
                return _in_script(stream.read(), *comment)
        magic = stream.read(len(MAGIC))
        if magic == MAGIC:
            return _in_installer(stream)
        if magic.startswith(b"MZ"):
            return _in_program(stream)
        if magic.startswith(b"MSCF"):
            return _in_cabinet(stream)
    raise FormatError(f"its format is not supported; {_SUPPORTED}")


def _in_catalog(content: bytes) -> Existing:
    try:
        return Existing.SIGNED if cat_files.signers(content) else Existing.NONE
    except DerError:
        raise FormatError("it is not a catalog") from None


def _in_script(content: bytes, before: str, after: str) -> Existing:
    if not any(_BEGIN.encode(encoding) in content for encoding in ("ascii", "utf-16-le")):
        return Existing.NONE
    is_wide = content.startswith(b"\xff\xfe")
    text = content.decode("utf-16-le" if is_wide else "utf-8", "replace")
    begin, line, end = (
        re.escape(before) + each + re.escape(after) for each in (_BEGIN, "[A-Za-z0-9+/=]+", _END)
    )
    block = rf"^{begin}\r?\n(?:{line}\r?\n)+{end}\s*\Z"
    return Existing.SIGNED if re.search(block, text, re.MULTILINE) else Existing.UNCLEAR


def _in_installer(stream: BinaryIO) -> Existing:
    """Look for a stream of the signature's name, first in every place that can hold an entry.

    Behind a damaged compound file osslsigncode looks for an APPX, which ends as ZIP files do.
    """
    stream.seek(-min(_END_OF_ZIP_SIZE, _size(stream)), 2)
    if stream.read(len(_END_OF_ZIP)) == _END_OF_ZIP:
        return Existing.UNCLEAR
    if not _has_possible_entry(stream):
        return Existing.NONE
    try:
        found = any(_is_signature_stream(each) for each in directory_entries(stream))
    except CompoundFileError:
        found = False
    return Existing.SIGNED if found else Existing.UNCLEAR


def _has_possible_entry(stream: BinaryIO) -> bool:
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        first_bytes = chunk[::ENTRY_SIZE]
        at = -1
        while (at := first_bytes.find(_STREAM_NAME[0], at + 1)) >= 0:
            if _may_name_signature(chunk[at * ENTRY_SIZE : (at + 1) * ENTRY_SIZE]):
                return True
    return False


def _may_name_signature(entry: bytes) -> bool:
    """Return whether osslsigncode takes the entry for the signature: it compares the beginning."""
    if len(entry) < ENTRY_SIZE:
        return False
    (length,) = struct.unpack_from("<H", entry, 64)
    compared = min(length, len(_STREAM_NAME))
    return compared > 0 and entry[:compared] == _STREAM_NAME[:compared]


def _is_signature_stream(entry: bytes) -> bool:
    length, kind = struct.unpack_from("<HB", entry, 64)
    (size,) = struct.unpack_from("<I", entry, 120)
    is_named = length == len(_STREAM_NAME) and entry.startswith(_STREAM_NAME)
    return is_named and kind == _STREAM and size > 0


def _in_program(stream: BinaryIO) -> Existing:
    size = _size(stream)
    (at,) = struct.unpack("<I", _read(stream, 60, 4))
    if not 44 <= at <= size - _PE_HEADERS_SIZE:  # noqa: PLR2004 - as osslsigncode does
        raise FormatError("it is not a PE file, or is damaged")
    headers = _read(stream, at, _PE_HEADERS_SIZE)
    (kind,) = struct.unpack_from("<H", headers, 24)
    shift = _OPTIONAL_HEADERS.get(kind)
    if not headers.startswith(b"PE\0\0") or shift is None:
        raise FormatError("it is not a PE file, or is damaged")
    (directories,) = struct.unpack_from("<I", headers, 116 + shift)
    if directories < _CERTIFICATE_TABLE:
        raise FormatError("it is a PE file without room for a signature")
    start, length = struct.unpack_from("<II", headers, 152 + shift)
    if not start and not length:
        return Existing.NONE
    if not start or not length or start + length != size:
        return Existing.UNCLEAR
    is_signature = struct.unpack("<HH", _read(stream, start + 4, 4)) == _REVISION_AND_TYPE
    return Existing.SIGNED if is_signature else Existing.UNCLEAR


def _in_cabinet(stream: BinaryIO) -> Existing:
    header = _read(stream, 0, _CAB_HEADER_SIZE)
    (reserved,) = struct.unpack_from("<I", header, 4)
    (flags,) = struct.unpack_from("<H", header, 30)
    if reserved or flags & _CAB_PREVIOUS:
        raise FormatError("it is part of a set of CAB files, or is damaged")
    if not flags & _CAB_RESERVE:
        return Existing.NONE
    start, length = struct.unpack_from("<II", header, 44)
    is_signature = struct.unpack_from("<II", header, 36) == _CAB_RESERVE_SIZES
    ends_the_file = start > 0 and length > 0 and start + length == _size(stream)
    return Existing.SIGNED if is_signature and ends_the_file else Existing.UNCLEAR


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, 2)


def _read(stream: BinaryIO, at: int, count: int) -> bytes:
    stream.seek(at)
    content = stream.read(count)
    if len(content) < count:
        raise FormatError("it is too short for its format")
    return content
