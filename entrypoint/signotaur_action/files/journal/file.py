"""One journal file, open and locked.

It is also the lock that keeps a second run on this machine out. Records are JSON lines that are
appended and synced, so the file's identity, and the lock on it, stay.
"""

import errno
import json
import os
import stat
from contextlib import suppress
from pathlib import Path

from signotaur_action.errors import BusyError, DestinationRefusedError, os_reason
from signotaur_action.files.journal.entry import read_entry
from signotaur_action.machine import Machine
from signotaur_action.model import JournalEntry, Secret

_RESERVE = 4096
"""Bytes that must be free for a journal: more than its records ever take."""


class FileJournal:
    """An open, locked journal file: a ``ports.Journal``. Obtained from ``JournalPlace.locked``."""

    def __init__(self, path: Path, descriptor: int, machine: Machine) -> None:
        self.path = path
        self._machine = machine
        self._descriptor = descriptor
        self.entry = self._load()

    def begin(self, entry: JournalEntry) -> None:
        """See ``ports.Journal``."""
        try:
            self._begin(entry)
        except OSError as error:
            with suppress(OSError):
                self.clear()
            raise DestinationRefusedError(
                f"The journal {self.path} cannot be written ({os_reason(error)}).",
                keys="Nothing was rotated; the old key is untouched and still works.",
                next_step="Free some disk space, or choose another folder with --state-dir.",
            ) from None

    def _begin(self, entry: JournalEntry) -> None:
        self.clear()
        record: dict[str, object] = {
            "id": str(entry.intent.id),
            "server": entry.server,
            "oldKeySha256": entry.old_key_fingerprint,
            "key": None if entry.candidate is None else entry.candidate.reveal(),
            "overlapDays": entry.intent.overlap_days,
            "autoRevoke": entry.intent.auto_revoke,
            "again": entry.intent.again,
            "holder": entry.intent.holder,
        }
        if entry.intent.compromised:
            record["compromised"] = True
        self._append(record)
        self._machine.sync_folder(self.path.parent)
        self.entry = entry

    def record_key(self, key: Secret) -> None:
        """See ``ports.Journal``."""
        self._append({"key": key.reveal()})
        self.entry = self._load()

    def record_delivered(self, sink: str) -> None:
        """See ``ports.Journal``."""
        self._append({"delivered": sink})
        self.entry = self._load()

    def clear(self) -> None:
        """See ``ports.Journal``."""
        os.ftruncate(self._descriptor, 0)
        self._machine.sync(self._descriptor)
        self.entry = None

    def reserve(self) -> None:
        """Find a full disk before anything is rotated. Raises OSError."""
        try:
            _write_at(self._machine, self._descriptor, b"\n" * _RESERVE, 0)
        except OSError:
            self._machine.take_back(self.path, self._descriptor)
            raise
        os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        """Unlock the file, and remove it if no rotation is in it."""
        if self.entry is None:
            self._machine.release(
                self.path, self._descriptor
            )  # an empty file that is left does no harm
        else:
            with suppress(OSError):  # its records are synced
                os.close(self._descriptor)

    def _append(self, record: dict[str, object]) -> None:
        line = json.dumps(record).encode() + b"\n"
        end = os.fstat(self._descriptor).st_size
        try:
            _write_at(self._machine, self._descriptor, line, end)
        except OSError:
            os.ftruncate(self._descriptor, end)
            raise

    def _load(self) -> JournalEntry | None:
        size = os.fstat(self._descriptor).st_size
        content = self._machine.read_at(self._descriptor, size, 0)
        torn = content.rpartition(b"\n")[2]
        if torn:  # an append that a kill cut short
            os.ftruncate(self._descriptor, len(content) - len(torn))
        try:
            return read_entry(content)
        except (ValueError, KeyError, TypeError):
            raise DestinationRefusedError(
                f"The journal {self.path} is damaged or is not a journal.",
                next_step="Move it to another folder and run the command again; keep it until "
                "you have a key that works.",
            ) from None


def open_locked(path: Path, machine: Machine) -> FileJournal:
    """Open a journal, or make one, and lock it.

    Raises BusyError when a live run has it, DestinationRefusedError when it is damaged, OSError
    when the file cannot be used.
    """
    while True:
        descriptor = machine.open_private(path)
        try:
            _require_own(machine, descriptor)
            machine.lock(descriptor)
            if machine.is_at(path, descriptor):
                return FileJournal(path, descriptor, machine)
        except BlockingIOError:
            os.close(descriptor)
            raise BusyError(f"Another run on this machine is using the journal {path}.") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last owner removed the file between our open and our lock


def _require_own(machine: Machine, descriptor: int) -> None:
    # A file of another user would let them read the key, or block us by its lock.
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise OSError(errno.EPERM, "not a plain file")
    machine.claim(descriptor)


def _write_at(machine: Machine, descriptor: int, content: bytes, offset: int) -> None:
    if machine.write_at(descriptor, content, offset) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    machine.sync(descriptor)
