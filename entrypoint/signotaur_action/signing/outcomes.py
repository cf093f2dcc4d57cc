"""The outcome of a run of ``sign``, ``verify`` or ``timestamp``: one result for each file.

Here is also what reports name without the libraries for certificates, which one image lacks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class FormatError(Exception):
    """One file cannot be signed, timestamped or trusted. The message says why."""


class FileStatus(StrEnum):
    """The outcome for one file; only ``SIGNED`` and ``TIMESTAMPED`` change it."""

    SIGNED = "signed"
    TIMESTAMPED = "timestamped"
    VERIFIED = "verified"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNTRIED = "untried"


class RevocationMode(StrEnum):
    """Where ``verify`` looks for revoked certificates."""

    NO_CHECK = "NoCheck"
    ONLINE = "Online"
    OFFLINE = "Offline"


@dataclass(frozen=True)
class FileResult:
    """One file and its outcome."""

    path: Path
    status: FileStatus
    reason: str = ""
    """Why; for a verified file, who signed it."""

    @property
    def has_failed(self) -> bool:
        """Return whether the file is not as the command is to leave it."""
        return self.status in (FileStatus.FAILED, FileStatus.UNTRIED)


@dataclass(frozen=True)
class Outcome:
    """The outcome for all files, in the order in which they were named."""

    files: Sequence[FileResult]
    took: timedelta
    thumbprint: str = ""
    """The certificate that signed; empty if this run signs nothing."""

    def count(self, status: FileStatus) -> int:
        """Return how many files had this outcome."""
        return sum(each.status is status for each in self.files)

    @property
    def complete(self) -> bool:
        """Return whether no file failed."""
        return not any(each.has_failed for each in self.files)
