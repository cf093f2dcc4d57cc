"""The outcome of a run of ``sign``: one result for each file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class FormatError(Exception):
    """One file cannot be signed. The message says why."""


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
