"""The journal: the new key on disk before the server hears of it, until the rotation is finished.

One owner-only file per rotation. It is also the lock that keeps a second run on this machine
out. Records are JSON lines that are appended and synced, so the file's identity, and the lock
on it, stay; a torn last line is one that was never acted upon, and is ignored.
"""

import errno
import json
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from signotaur_action.errors import Busy, DestinationRefused
from signotaur_action.machine import MACHINE, Machine
from signotaur_action.model import RotationIntent, Secret

_RESERVE = 4096
"""Bytes that must be free for a journal: more than its records ever take."""


@dataclass(frozen=True)
class JournalEntry:
    """What a run needs to continue a rotation that another run began."""

    server: str
    old_key_fingerprint: str
    """SHA-256 of the old key, or of the candidate where a run started with that."""
    intent: RotationIntent
    delivered: frozenset[str] = frozenset()
    """Names of the destinations that hold the candidate."""

    @property
    def candidate(self) -> Secret | None:
        """The new key; None when the server makes it and no answer came."""
        return self.intent.candidate

    def belongs_to(self, key: Secret) -> bool:
        """Return whether ``key`` is this rotation's old key or its candidate."""
        return key.fingerprint() == self.old_key_fingerprint or key == self.candidate


class Journal:
    """An open, locked journal file. Obtained from ``JournalPlace.locked``."""

    def __init__(self, path: Path, descriptor: int, machine: Machine = MACHINE) -> None:
        self.path = path
        self._machine = machine
        self._descriptor = descriptor
        self.entry = self._load()

    def begin(self, entry: JournalEntry) -> None:
        """Remember a rotation that is about to be asked for. Durable on return."""
        self.clear()
        self._append(
            {
                "id": str(entry.intent.id),
                "server": entry.server,
                "oldKeySha256": entry.old_key_fingerprint,
                "key": None if entry.candidate is None else entry.candidate.reveal(),
                "overlapDays": entry.intent.overlap_days,
                "autoRevoke": entry.intent.auto_revoke,
                "again": entry.intent.again,
                "holder": entry.intent.holder,
            }
        )
        self._machine.sync_folder(self.path.parent)
        self.entry = entry

    def record_key(self, key: Secret) -> None:
        """Remember the new key that the server made. Durable on return."""
        self._append({"key": key.reveal()})
        self.entry = self._load()

    def record_delivered(self, sink: str) -> None:
        """Remember that a destination holds the new key. Durable on return."""
        self._append({"delivered": sink})
        self.entry = self._load()

    def clear(self) -> None:
        """Forget the rotation: it is finished, or was never opened. Durable on return."""
        os.ftruncate(self._descriptor, 0)
        self._machine.sync(self._descriptor)
        self.entry = None

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
        *whole, torn = content.split(b"\n")
        if torn:  # an append that a kill cut short
            os.ftruncate(self._descriptor, len(content) - len(torn))
        try:
            # Empty lines are the reserve of a run that was killed before it had a rotation.
            records = [json.loads(line) for line in whole if line]
            return _entry(records) if records else None
        except (ValueError, KeyError, TypeError):
            raise DestinationRefused(
                f"The journal {self.path} is damaged or is not a journal.",
                next_step="Move it away and run the command again; keep it until a key works.",
            ) from None


class JournalPlace:
    """Where the journal of a command lives: beside the first file destination, if it can."""

    def __init__(
        self,
        paths: Sequence[Path],
        own_folders: Collection[Path] = (),
        machine: Machine = MACHINE,
    ) -> None:
        """``paths`` are the places, best first; folders in ``own_folders`` are made (0700)."""
        self._machine = machine
        self.paths = paths
        self._own_folders = own_folders

    @contextmanager
    def locked(self) -> Iterator[Journal]:
        """Open and lock the journal; remove the file at the end if nothing is left in it.

        A journal that another run left is found at any of the places. Raises Busy when a
        live run holds it, DestinationRefused when none of the places can be written.
        """
        path, descriptor = self._open()
        journal: Journal | None = None
        try:
            journal = Journal(path, descriptor, self._machine)
            yield journal
        finally:
            if journal is not None and journal.entry is None:
                self._machine.discard(path, descriptor)  # one that stays means what no file means
            else:
                os.close(descriptor)

    def exists(self) -> bool:
        """Return whether a run left a journal at one of the places."""
        return any(path.exists() and path.stat().st_size > 0 for path in self.paths)

    def _open(self) -> tuple[Path, int]:
        reasons = []
        for path in sorted(self.paths, key=lambda path: not path.exists()):
            try:
                if path.parent in self._own_folders:
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                return path, _open_locked(self._machine, path)
            except OSError as error:
                reasons.append(f"{path} ({(error.strerror or type(error).__name__).lower()})")
        raise DestinationRefused(
            "No place for the journal, which must hold the new key before the server hears "
            f"of it: {', '.join(reasons)}.",
            next_step="Name a writable folder with --state-dir and run the command again.",
        )


def _open_locked(machine: Machine, path: Path) -> int:
    while True:
        descriptor = machine.open_private(path)
        try:
            machine.lock(descriptor)
            if machine.is_at(path, descriptor):
                _prove_usable(machine, path, descriptor)
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise Busy(f"Another run on this machine holds the journal {path}.") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last holder removed the file between our open and our lock


def _prove_usable(machine: Machine, path: Path, descriptor: int) -> None:
    # A file that somebody else planted would let them read the key.
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise OSError(errno.EPERM, "not a plain file")
    machine.adopt(descriptor)
    if status.st_size == 0:  # a full disk is to be found before anything is rotated
        try:
            _write_at(machine, descriptor, b"\n" * _RESERVE, 0)
        except OSError:
            machine.withdraw(path, descriptor)  # what is left would tell of a cut rotation
            raise
        os.ftruncate(descriptor, 0)


def _write_at(machine: Machine, descriptor: int, content: bytes, offset: int) -> None:
    if machine.write_at(descriptor, content, offset) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    machine.sync(descriptor)


def _entry(records: Iterable[dict[str, object]]) -> JournalEntry:
    first, *rest = records
    entry = JournalEntry(
        server=str(first["server"]),
        old_key_fingerprint=str(first["oldKeySha256"]),
        intent=RotationIntent(
            id=UUID(str(first["id"])),
            candidate=_optional_secret(first["key"]),
            overlap_days=int(str(first["overlapDays"])),
            auto_revoke=bool(first["autoRevoke"]),
            again=bool(first["again"]),
            holder=str(first["holder"]),
        ),
    )
    for record in rest:
        if "key" in record:
            candidate = _optional_secret(record["key"])
            entry = replace(entry, intent=replace(entry.intent, candidate=candidate))
        if "delivered" in record:
            entry = replace(entry, delivered=entry.delivered | {str(record["delivered"])})
    return entry


def _optional_secret(value: object) -> Secret | None:
    return None if value is None else Secret(str(value))
