"""What the commands that work on files share: the files, and how they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.settings.invocation import Invocation
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.formats import SupportedFormats, needs_osslsigncode
from signotaur_action.signing.osslsigncode import Osslsigncode
from signotaur_action.signing.plan import OnSigned

NO_KEY = "This command uses no key."


@dataclass(frozen=True)
class FileAccess:
    """How files are read and written, and which of them may be."""

    formats: SupportedFormats
    check: FileCheck


def file_access(
    files: Sequence[Path],
    environ: Mapping[str, str],
    on_signed: OnSigned,
    *,
    trust_signatures: bool,
) -> FileAccess:
    """Return the access to these files. Raises OsslsigncodeMissingError."""
    is_needed = any(map(needs_osslsigncode, files))
    program = Osslsigncode.find(environ) if is_needed else None
    reads_signatures = trust_signatures or bool(program and program.reads_signatures_safely)
    check = FileCheck(on_signed, program.name if program else "", reads_signatures)
    return FileAccess(SupportedFormats(program), check)


def arguments_of(invocation: Invocation) -> list[str]:
    """Return the paths and patterns on the command line."""
    given = invocation.given.get("files")
    return [str(each) for each in given] if isinstance(given, list | tuple) else []
