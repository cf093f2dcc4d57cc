"""Which format a file has, and who reads and writes it: this package, or osslsigncode."""

from enum import Enum
from pathlib import Path

from signotaur_action.ports import FileFormats
from signotaur_action.signing.cat_files import Catalogs, is_catalog
from signotaur_action.signing.compound_files import MAGIC
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.pe_files import PeFiles
from signotaur_action.signing.script_files import ScriptFiles, is_script
from signotaur_wire.signing import DigestAlgorithm

_SUPPORTED = "PE, MSI, CAB, CAT and PowerShell files are"
_NOT_SUPPORTED = (".appx", ".appxbundle", ".msix", ".msixbundle", ".js", ".vbs", ".wsf")


class Format(Enum):
    """A format of files that can be signed."""

    CATALOG = "CAT"
    SCRIPT = "PowerShell"
    PROGRAM = "PE"
    INSTALLER = "MSI"
    CABINET = "CAB"


OF_OSSLSIGNCODE = (Format.INSTALLER, Format.CABINET)
"""The formats that are not read and written here."""


def format_of(file: Path) -> Format:
    """Return the format, by the name or the first bytes; the path is resolved.

    Raises FormatError for other formats, and OSError.
    """
    name = file.name.lower()
    for ending in _NOT_SUPPORTED:
        if name.endswith(ending):
            raise FormatError(f"{ending} files are not supported; {_SUPPORTED}")
    if is_catalog(file):
        return Format.CATALOG
    if is_script(file):
        return Format.SCRIPT
    with file.open("rb") as stream:
        magic = stream.read(len(MAGIC))
    if magic == MAGIC:
        return Format.INSTALLER
    if magic.startswith(b"MZ"):
        return Format.PROGRAM
    if magic.startswith(b"MSCF"):
        return Format.CABINET
    raise FormatError(f"its format is not supported; {_SUPPORTED}")


def needs_osslsigncode(file: Path) -> bool:
    """Return whether osslsigncode must read a file. False for a file that cannot be read."""
    try:
        return format_of(file.resolve()) in OF_OSSLSIGNCODE
    except (FormatError, OSError):
        return False


class SupportedFormats:
    """See ``ports.FileFormats``: each file by what its format needs."""

    def __init__(self, osslsigncode: FileFormats | None) -> None:
        """``osslsigncode`` may be None if no file needs it."""
        own: dict[Format, FileFormats | None] = {
            Format.CATALOG: Catalogs(),
            Format.PROGRAM: PeFiles(),
            Format.SCRIPT: ScriptFiles(),
        }
        self._formats = dict.fromkeys(OF_OSSLSIGNCODE, osslsigncode) | own

    def content(self, file: Path, algorithm: DigestAlgorithm, folder: Path) -> bytes:
        """Return a message with the file's digest and without a signer."""
        return self._of(file).content(file, algorithm, folder)

    def signature(self, file: Path, folder: Path) -> bytes:
        """Return the signature of a file; empty if there is none."""
        return self._of(file).signature(file, folder)

    def attach(
        self, file: Path, message: bytes, out: Path, *, certificate: bytes, nested: bool
    ) -> None:
        """Write a copy of a file with this signature."""
        self._of(file).attach(file, message, out, certificate=certificate, nested=nested)

    def _of(self, file: Path) -> FileFormats:
        found = self._formats[format_of(file)]
        if found is None:
            raise FormatError("its format changed while the files were read")
        return found
