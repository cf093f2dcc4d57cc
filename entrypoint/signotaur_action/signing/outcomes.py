"""The outcome of a run of ``sign``: one result for each file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class FormatError(Exception):
    """One file cannot be signed. The message says why."""


class FileStatus(StrEnum):
    """The outcome for one file; it is unchanged unless ``SIGNED``."""

    SIGNED = "signed"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNTRIED = "untried"


@dataclass(frozen=True)
class FileResult:
    """One file and its outcome."""

    path: Path
    status: FileStatus
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """The outcome for all files, in the order in which they were named."""

    thumbprint: str
    files: Sequence[FileResult]
    took: timedelta

    def count(self, status: FileStatus) -> int:
        """Return how many files had this outcome."""
        return sum(each.status is status for each in self.files)

    @property
    def complete(self) -> bool:
        """Return whether every file is signed now."""
        return all(each.status in (FileStatus.SIGNED, FileStatus.SKIPPED) for each in self.files)
