"""Add timestamps to one signed file; neither a key nor its certificate's server is needed."""

from dataclasses import dataclass
from pathlib import Path

from signotaur_action.ports import FileFormats
from signotaur_action.signing import replacement
from signotaur_action.signing.copy_and_replace import change_by_copy
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.outcomes import FileResult, FileStatus, FormatError
from signotaur_action.signing.timestamp_client import TimestampClient
from signotaur_action.signing.timestamps import verified_timestamp
from signotaur_action.signing.verification import NOT_SIGNED, Signatures, signatures

ALREADY_TIMESTAMPED = "it already has a timestamp"


@dataclass(frozen=True)
class FileTimestamper:
    """Adds timestamps to files, one file per call; threads may share it."""

    formats: FileFormats
    check: FileCheck
    client: TimestampClient

    def timestamp(self, path: Path) -> FileResult:
        """Add a timestamp to every signature of a file that has none, or leave it unchanged.

        Raises ServerError if no server returns a timestamp.
        """
        return change_by_copy(path, lambda file, folder: self._timestamp(path, file, folder))

    def _timestamp(self, path: Path, file: Path, folder: Path) -> FileResult:
        is_signed = self.check.is_signed(file)
        message = b"" if is_signed is False else self.formats.signature(file, folder)
        if not message:
            return FileResult(path, FileStatus.SKIPPED, NOT_SIGNED)
        found = signatures(self.formats, file, message, folder)
        if all(signed.timestamps for _, signed in found):
            return FileResult(path, FileStatus.SKIPPED, ALREADY_TIMESTAMPED)
        certificate, signed = found[0]
        whole = signed.with_timestamps(self.client.timestamp)
        copy = folder / file.name
        self.formats.attach(file, whole, copy, certificate=certificate.pem, nested=False)
        self._verify(copy, whole, found, folder)
        replacement.publish(copy, file)
        return FileResult(path, FileStatus.TIMESTAMPED)

    def _verify(self, copy: Path, whole: bytes, before: Signatures, folder: Path) -> None:
        """Verify that the copy has the same signatures, each with a right timestamp."""
        if whole not in self.formats.signature(copy, folder):
            raise FormatError("the copy does not contain its timestamp")
        after = signatures(self.formats, copy, whole, folder)
        if [signed.signature for _, signed in after] != [each.signature for _, each in before]:
            raise FormatError("the copy does not have the signatures of the file")
        for _, signed in after:
            for token in signed.timestamps:
                verified_timestamp(token, signed.signature)
