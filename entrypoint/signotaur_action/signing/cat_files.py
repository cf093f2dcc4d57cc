"""CAT files: the whole file is the signed message, so osslsigncode is not needed."""

from pathlib import Path

from signotaur_action.signing import der
from signotaur_action.signing.outcomes import FormatError
from signotaur_wire.signing import DigestAlgorithm

_SUFFIX = ".cat"


def is_catalog(file: Path) -> bool:
    """Return whether a file is a catalog, by its name."""
    return file.suffix.lower() == _SUFFIX


class Catalogs:
    """See ``ports.FileFormats``."""

    def content(self, file: Path, algorithm: DigestAlgorithm, folder: Path) -> bytes:
        """Return the file, which is the message itself."""
        del algorithm, folder
        return file.read_bytes()

    def signature(self, file: Path, folder: Path) -> bytes:
        """Return the file if it has a signer, else nothing. Raises DerError."""
        del folder
        message = file.read_bytes()
        return message if signers(message) else b""

    def attach(
        self, file: Path, message: bytes, out: Path, *, certificate: bytes, nested: bool
    ) -> None:
        """Write the message. Raises FormatError for a second signature."""
        del file, certificate
        if nested:
            raise FormatError("a catalog can have one signature only; --replace replaces it")
        out.write_bytes(message)


def signers(message: bytes) -> bytes:
    """Return the content of the set of signers, the message's last part. Raises DerError."""
    try:
        _kind, wrapped = der.children(message)[:2]
        return der.contents(der.children(der.contents(wrapped))[-1])
    except (ValueError, IndexError):
        raise der.DerError("it is not a PKCS #7 message") from None
