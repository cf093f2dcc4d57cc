"""The file that the tool writes its output to: the journal of a key that the server makes.

It is opened before the tool starts, and the tool writes to it directly. If this process is
killed, the tool still writes the new key there.
"""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from signotaur_action.errors import DestinationRefusedError, ExitCode, SignotaurError, os_reason
from signotaur_action.machine import MACHINE

_LARGEST = 1024 * 1024


class AnswerFile:
    """The output of one rotation, beside the journal: private and synced."""

    def __init__(self, journal: Path, rotation_id: UUID) -> None:
        self.path = journal.with_name(f"{journal.name}.{rotation_id.hex}.answer")

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Yield the open, empty, locked file; its content is on the disk afterwards.

        The lock is the tool's too: it ends when both have ended. Raises DestinationRefusedError.
        """
        try:
            descriptor = MACHINE.open_private(self.path)
        except OSError as error:
            raise self._refused(error) from None
        try:
            self._prepare(descriptor)
            yield descriptor
            MACHINE.sync(descriptor)
        finally:
            os.close(descriptor)

    def read(self) -> bytes | None:
        """Return the output so far; None if the tool was never started.

        Raises SignotaurError (code BUSY) while the tool is running, DestinationRefusedError when
        the file cannot be read.
        """
        if not self.path.exists():
            return None
        try:
            descriptor = MACHINE.open_private(self.path)
            try:
                MACHINE.claim(descriptor)
                MACHINE.lock(descriptor)
                return MACHINE.read_at(descriptor, _LARGEST, 0)
            finally:
                os.close(descriptor)
        except BlockingIOError:
            raise SignotaurError(
                f"The tool that an interrupted run started is still running; it writes to "
                f"{self.path}.",
                keys="The key in use works; the tool may be rotating it.",
                next_step="Wait until the tool has ended and run the same command again.",
                code=ExitCode.BUSY,
            ) from None
        except OSError as error:
            raise self._refused(error) from None

    def remove(self) -> None:
        """Remove the file. Raises OSError."""
        self.path.unlink(missing_ok=True)

    @staticmethod
    def remove_all(journal: Path) -> None:
        """Remove the outputs of every rotation of a journal, whose lock the caller has.

        Raises OSError.
        """
        for path in journal.parent.glob(f"{glob.escape(journal.name)}.*.answer"):
            path.unlink(missing_ok=True)

    def _prepare(self, descriptor: int) -> None:
        try:
            MACHINE.claim(descriptor)
            MACHINE.lock(descriptor)
            os.ftruncate(descriptor, 0)
            MACHINE.sync(descriptor)
            MACHINE.sync_folder(self.path.parent)
        except OSError as error:
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> DestinationRefusedError:
        return DestinationRefusedError(
            f"The file {self.path}, which receives the tool's output, cannot be used "
            f"({os_reason(error)}).",
            next_step="Choose a writable folder with --state-dir and run the command again.",
        )
