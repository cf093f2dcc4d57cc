"""Check which files may be signed, before the key is used and before osslsigncode runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.ci.text import escape_own_line
from signotaur_action.errors import UsageError
from signotaur_action.signing.existing_signatures import (
    Existing,
    existing_signature,
    require_possible_signature,
)
from signotaur_action.signing.formats import needs_osslsigncode
from signotaur_action.signing.outcomes import FormatError
from signotaur_action.signing.plan import OnSigned

_LEAVE_OUT = "Leave these files out (!PATTERN), or correct them."
_UPDATE = (
    "osslsigncode before 2.13 can run code from a crafted signature when it verifies a file. "
    "Install 2.13 or newer, leave these files out (!PATTERN), or add --trust-existing-signatures "
    "if you trust the signers of these files."
)


class _SignatureRefusedError(FormatError):
    """A file with a signature that this osslsigncode must not read."""


@dataclass(frozen=True)
class FileCheck:
    """Decides by reading the files; threads may share it."""

    on_signed: OnSigned
    program: str
    """The installed osslsigncode, for messages: ``osslsigncode 2.9``."""
    reads_signatures: bool
    """True if that program may read files that carry a signature."""

    def require_signable(self, files: Sequence[Path]) -> None:
        """Raise UsageError that lists every file that must not be signed."""
        faults, next_step = [], _LEAVE_OUT
        for file in files:
            try:
                self.is_signed(file)
            except FormatError as fault:
                faults.append(f"{escape_own_line(str(file))}: {fault}")
                next_step = _UPDATE if isinstance(fault, _SignatureRefusedError) else next_step
            except OSError:  # reported when it is the file's turn
                continue
        if faults:
            raise UsageError(faults, next_step=next_step)

    def is_signed(self, path: Path) -> bool | None:
        """Return whether a file is signed; None if osslsigncode may, and must, find out.

        Raises FormatError for a file that must not be signed, and OSError.
        """
        file = path.resolve()
        existing = existing_signature(file)
        if existing is Existing.NONE:
            return False
        if needs_osslsigncode(file):
            self._require_readable(file, existing)
        return True if existing is Existing.SIGNED else None

    def _require_readable(self, file: Path, existing: Existing) -> None:
        if self.reads_signatures:
            if existing is Existing.SIGNED and self.on_signed is not OnSigned.SKIP:
                require_possible_signature(file)
        elif existing is Existing.UNCLEAR:
            raise _SignatureRefusedError(
                f"it may contain a signature, which {self.program} must not read"
            )
        elif self.on_signed is not OnSigned.SKIP:
            raise _SignatureRefusedError(
                f"it contains a signature, which {self.program} must not read"
            )
