"""Find out whether a file carries a signature, without osslsigncode.

osslsigncode before 2.13 can run code from a crafted signature when it verifies it, so this is
decided before that program reads the file. If the answer is ``NONE``, osslsigncode 2.8 to 2.12
finds no signature either: the readers recognise a format by the same rules as that program.
Files that they do not recognise are refused, so its code for APPX, which had memory errors of its
own, is never reached.
"""

import struct
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from signotaur_action.signing import cat_files
from signotaur_action.signing.compound_files import (
    ENTRY_SIZE,
    CompoundFileError,
    content_of,
    directory_entries,
)
from signotaur_action.signing.der import DerError
from signotaur_action.signing.formats import Format, format_of
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.pe_image import PeImage
from signotaur_action.signing.script_files import Script
from signotaur_action.signing.signed_message import require_possible_digests

_CHUNK = 1 << 20
_STREAM = 2
_STREAM_NAME = "\5DigitalSignature\0".encode("utf-16-le")
_EXTENSION_NAME = "\5MsiDigitalSignatureEx\0".encode("utf-16-le")
_END_OF_ZIP, _END_OF_ZIP_SIZE = b"PK\5\6", 22

_CAB_HEADER_SIZE = 52
_CAB_PREVIOUS, _CAB_RESERVE = 1, 4
_CAB_RESERVE_SIZES = (20, 0x100000)


class Existing(Enum):
    """Whether a file carries a signature."""

    NONE = "none"
    SIGNED = "signed"
    UNCLEAR = "unclear"
    """It may carry one: the file is damaged, unusual, or crafted."""


def existing_signature(file: Path) -> Existing:
    """Read a file, whose path is resolved. Raises FormatError for other formats, and OSError."""
    found = format_of(file)
    with file.open("rb") as stream:
        match found:
            case Format.CATALOG:
                return _in_catalog(stream.read())
            case Format.SCRIPT:
                return Existing.SIGNED if Script.read(file).message else Existing.NONE
            case Format.PROGRAM:
                return Existing.SIGNED if PeImage.read(stream).message() else Existing.NONE
            case Format.INSTALLER:
                return _in_installer(stream)
            case Format.CABINET:
                return _in_cabinet(stream)


def require_possible_signature(file: Path) -> None:
    """Raise FormatError if the signature of a signed MSI or CAB file is one that no signer makes.

    What osslsigncode may take for the signature is read here first: before 2.12 it overwrites its
    own memory with a digest that is too long.
    """
    with file.open("rb") as stream:
        try:
            is_cabinet = format_of(file) is Format.CABINET
            for message in [_end_of_cabinet(stream)] if is_cabinet else _streams(stream):
                require_possible_digests(message)
        except (CompoundFileError, DerError):
            raise FormatError("its signature is damaged") from None


def has_extended_signature(file: Path) -> bool:
    """Return whether a file is an MSI whose signature covers more than the streams in it.

    signtool signs so: the stream MsiDigitalSignatureEx has a digest of their names and dates.
    """
    with file.open("rb") as stream:
        try:
            entries = list(directory_entries(stream))
        except CompoundFileError:
            return False
    is_extended = any(each.startswith(_EXTENSION_NAME) for each in entries)
    return is_extended and any(map(_is_signature_stream, entries))


def _in_catalog(content: bytes) -> Existing:
    try:
        return Existing.SIGNED if cat_files.signers(content) else Existing.NONE
    except DerError:
        raise FormatError("it is not a catalog") from None


def _in_installer(stream: BinaryIO) -> Existing:
    """Search every place where the directory can have an entry, then the directory itself.

    osslsigncode takes a damaged compound file for an APPX if it ends like a ZIP file.
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
    """Return whether osslsigncode takes the entry for the signature: it compares prefixes."""
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


def _streams(stream: BinaryIO) -> list[bytes]:
    """Return what an MSI has under the name of a signature."""
    named = [each for each in directory_entries(stream) if _may_name_signature(each)]
    return [content_of(stream, each) for each in named]


def _end_of_cabinet(stream: BinaryIO) -> bytes:
    start, length = struct.unpack("<II", _read(stream, 44, 8))
    return _read(stream, start, length)


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
