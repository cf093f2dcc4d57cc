"""Catalogues (CAT files), whose whole content is the signed message: no program is needed."""

from pathlib import Path

from signotaur_action.ports import FileFormats
from signotaur_action.signing import der
from signotaur_action.signing.outcomes import FormatError
from signotaur_wire.signing import DigestAlgorithm

_SUFFIX = ".cat"


def is_catalog(file: Path) -> bool:
    """Return whether a file is a catalog, by its name."""
    return file.suffix.lower() == _SUFFIX


class Catalog:
    """See ``ports.FileFormats``."""

    def content(self, file: Path, algorithm: DigestAlgorithm, folder: Path) -> bytes:
        """Return the file itself: it is the message."""
        del algorithm, folder
        return file.read_bytes()

    def signature(self, file: Path, folder: Path) -> bytes:
        """Return the file itself if it has a signer. Raises DerError."""
        del folder
        message = file.read_bytes()
        return message if signers(message) else b""

    def attach(
        self, file: Path, message: bytes, out: Path, *, certificate: bytes, nested: bool
    ) -> None:
        """Write the message. Raises FormatError for a second signature."""
        del file, certificate
        if nested:
            raise FormatError("a catalog can have only one signature; use --replace to replace it")
        out.write_bytes(message)


class SupportedFormats:
    """See ``ports.FileFormats``: catalogues here, all other files by ``other``."""

    def __init__(self, other: FileFormats) -> None:
        self._other = other
        self._catalog = Catalog()

    def content(self, file: Path, algorithm: DigestAlgorithm, folder: Path) -> bytes:
        """Return a message with the file's digest and no signer."""
        return self._of(file).content(file, algorithm, folder)

    def signature(self, file: Path, folder: Path) -> bytes:
        """Return the message that signs a file; empty when none does."""
        return self._of(file).signature(file, folder)

    def attach(
        self, file: Path, message: bytes, out: Path, *, certificate: bytes, nested: bool
    ) -> None:
        """Write a copy of a file that this message signs."""
        self._of(file).attach(file, message, out, certificate=certificate, nested=nested)

    def _of(self, file: Path) -> FileFormats:
        return self._catalog if is_catalog(file) else self._other


def signers(message: bytes) -> bytes:
    """Return the content of the set of signers, the message's last part. Raises DerError."""
    try:
        _kind, wrapped = der.children(message)[:2]
        return der.contents(der.children(der.contents(wrapped))[-1])
    except (ValueError, IndexError):
        raise der.DerError("it is not a PKCS #7 message") from None
