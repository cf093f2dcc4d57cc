"""Signatures in PE files, read and written here: no program sees the file."""

from pathlib import Path

from signotaur_action.signing.indirect_data import PE_IMAGE, unsigned_message
from signotaur_action.signing.pe_image import PeImage
from signotaur_action.signing.signed_message import with_nested
from signotaur_wire.signing import DigestAlgorithm


class PeFiles:
    """See ``ports.FileFormats``."""

    def content(self, file: Path, algorithm: DigestAlgorithm, folder: Path) -> bytes:
        """Return a message with the file's digest and without a signer."""
        del folder
        with file.open("rb") as stream:
            return unsigned_message(PE_IMAGE, PeImage.read(stream).digest(algorithm), algorithm)

    def signature(self, file: Path, folder: Path) -> bytes:
        """Return the signature of a file; empty if it has none."""
        del folder
        with file.open("rb") as stream:
            return PeImage.read(stream).message()

    def attach(
        self, file: Path, message: bytes, out: Path, *, certificate: bytes, nested: bool
    ) -> None:
        """Write a signed copy of a file."""
        del certificate
        with file.open("rb") as stream, out.open("x+b") as copy:
            image = PeImage.read(stream)
            whole = with_nested(image.message(), message) if nested else message
            image.write_signed(whole, copy)
            checksum = PeImage.read(copy).checksum()
            copy.seek(image.checksum_at)
            copy.write(checksum.to_bytes(4, "little"))
