"""What a signing is asked to do, and what can come of it. Outcomes are values, not log lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from pathlib import Path

from signotaur_action.model import CertificateSelector
from signotaur_action.policy.expiry import Window
from signotaur_wire.signing import DigestAlgorithm

PARALLELISM_DEFAULT = 4
PARALLELISM_MAX = 64


class FormatError(Exception):
    """One file cannot be signed. The message says why."""


class OnSigned(Enum):
    """What to do with a file that is signed already."""

    SKIP = "skip"
    APPEND = "append"
    REPLACE = "replace"


@dataclass(frozen=True)
class Description:
    """What Windows shows of the signed program; it becomes part of the signature."""

    text: str = ""
    url: str = ""


@dataclass(frozen=True)
class SigningPlan:
    """What the user asked for."""

    selector: CertificateSelector
    algorithm: DigestAlgorithm = DigestAlgorithm.SHA256
    timestamp_algorithm: DigestAlgorithm = DigestAlgorithm.SHA256
    on_signed: OnSigned = OnSigned.SKIP
    trust_signatures: bool = False
    """Let any osslsigncode read the signatures that files carry."""
    description: Description = Description()
    more_certificates: tuple[bytes, ...] = ()
    """DER: what stands between the certificate and its root."""
    window: Window | None = None
    """Sign nothing if the key ends within this time."""
    parallelism: int = PARALLELISM_DEFAULT


class FileStatus(StrEnum):
    """What became of one file; all but ``SIGNED`` mean that it is as it was."""

    SIGNED = "signed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNTRIED = "untried"


@dataclass(frozen=True)
class FileResult:
    """One file and what became of it."""

    path: Path
    fate: FileStatus
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of all files, in the order in which they were named."""

    thumbprint: str
    files: Sequence[FileResult]
    took: timedelta

    def count(self, fate: FileStatus) -> int:
        """Return how many files had this fate."""
        return sum(each.fate is fate for each in self.files)

    @property
    def complete(self) -> bool:
        """Whether every file is signed now."""
        return all(each.fate in (FileStatus.SIGNED, FileStatus.SKIPPED) for each in self.files)
