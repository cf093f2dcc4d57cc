"""Where journals are, and which of them a run continues."""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.errors import (
    DestinationRefusedError,
    os_reason,
)
from signotaur_action.files.atomic import folder_concerns
from signotaur_action.files.journal.entry import belongs_to, canonical_server, read_entry
from signotaur_action.files.journal.file import FileJournal, open_locked
from signotaur_action.machine import MACHINE, Folder, Machine
from signotaur_action.model import JournalEntry, Secret

_NAME_BYTES = 16
_NAME_ROUNDS = 100_000
"""50 ms for each guess at a key by somebody who sees the file's name."""
_LARGEST = 64 * 1024

Found = tuple[Path, JournalEntry]


class JournalPlace:
    """The places for the journal of a command: beside the file that is written, and folders.

    A journal is recognised by its content, not its name: a run continues the one whose
    old key or candidate it was started with, on the same server, and leaves all others alone.
    Two runs for one key find the same file to lock.
    """

    def __init__(
        self,
        beside: Path | None = None,
        folders: Sequence[Path] = (),
        machine: Machine = MACHINE,
    ) -> None:
        """``beside`` is the best place; ``folders``, best first, are made (0700) when missing."""
        self._machine = machine
        self._file = None if beside is None else _Spot(beside.parent, beside.name)
        self._spots = [*([self._file] if self._file else []), *map(_Spot, folders)]

    @contextmanager
    def locked(self, key: Secret, server: str) -> Iterator[FileJournal]:
        """Open and lock the journal of a key on a server; its entry is theirs, or None.

        A journal that another run left is found at any of the places. The file is removed at the
        end if nothing is left in it. Raises BusyError when a live run has it,
        DestinationRefusedError when none of the places can be written.
        """
        reasons = []
        for spot in sorted(self._spots, key=lambda spot: not self._found(spot, key, server)):
            own = spot.own(key, server)
            with ExitStack() as stack:
                try:
                    journal = self._open(spot, own, key, server, stack)
                except OSError as error:
                    reason = os_reason(error)
                    reasons.append(f"{own} ({reason})")
                    continue
                if self._file not in (None, spot):
                    self._lock_file(stack)
                yield journal
                return
        raise DestinationRefusedError(
            "There is no place for the journal, which must contain the new key before the server "
            f"is asked: {', '.join(reasons)}.",
            next_step="Choose a writable folder with --state-dir and run the command again.",
        )

    def exists(self, key: Secret, server: str) -> bool:
        """Return whether a run left a journal of this key on this server."""
        return any(self._found(spot, key, server) for spot in self._spots)

    def of_others(self, key: Secret, server: str) -> list[Path]:
        """Return the journals beside the file that belong to another key or server."""
        if self._file is None:
            return []
        journals = self._file.journals(self._machine)
        return [path for path, entry in journals if not belongs_to(entry, key, server)]

    def concerns(self, journal: FileJournal) -> list[str]:
        """Return what a person should know about the folder that contains a journal.

        The destination reports on the folder of the file.
        """
        folder = journal.path.parent
        if not self._machine.has_posix_modes or (self._file and folder == self._file.folder):
            return []
        try:
            return folder_concerns(folder, folder.stat())
        except OSError:  # the journal is open; only the warning cannot be given
            return []

    def _found(self, spot: "_Spot", key: Secret, server: str) -> list[Path]:
        found = [each for each in spot.journals(self._machine) if belongs_to(each[1], key, server)]
        # First the rotation of this key, then the one that made it.
        return [path for path, _ in sorted(found, key=lambda each: each[1].candidate == key)]

    def _open(
        self, spot: "_Spot", path: Path, key: Secret, server: str, stack: ExitStack
    ) -> FileJournal:
        """Lock the key's own file, and return that or the journal that has another name.

        The own file is locked in any case: a second run for the key must not begin while the
        first has emptied the journal that it found.
        """
        if not spot.file:
            spot.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = open_locked(path, self._machine)
        stack.callback(own.close)
        for found in self._found(spot, key, server):
            if found == path:
                return own
            with suppress(OSError):  # planted by another user
                other = open_locked(found, self._machine)
                if other.entry is not None and belongs_to(other.entry, key, server):
                    stack.callback(other.close)
                    return other
                other.close()  # finished since it was found
        if own.entry is not None:  # another key's
            own = open_locked(spot.spare(), self._machine)
            stack.callback(own.close)
        own.reserve()
        return own

    def _lock_file(self, stack: ExitStack) -> None:
        """Keep other runs from the file if the journal is elsewhere."""
        with suppress(OSError):
            if self._file is not None:
                stack.callback(open_locked(self._file.beside, self._machine).close)


@contextmanager
def file_locked(file: Path) -> Iterator[list[Found]]:
    """Keep rotations into a file out; yield the journals of those that were interrupted.

    Raises BusyError, or DestinationRefusedError.
    """
    spot = _Spot(file.parent, file.name)
    try:
        journal = open_locked(spot.beside, MACHINE)
    except OSError as error:
        reason = os_reason(error)
        raise DestinationRefusedError(
            f"The lock {spot.beside} cannot be used ({reason})."
        ) from None
    with closing(journal):
        yield list(spot.journals(MACHINE))


def journals_of(key: Secret, folders: Sequence[Path]) -> Iterator[Found]:
    """Yield the journals of a key in those folders that can be searched, of any server."""
    for folder in folders:
        with suppress(DestinationRefusedError):
            for path, entry in _Spot(folder).journals(MACHINE):
                if belongs_to(entry, key, entry.server):
                    yield path, entry


@dataclass(frozen=True)
class _Spot:
    """One folder with journals: beside a file, or (no ``file``) of any keys."""

    folder: Path
    file: str = ""

    @property
    def beside(self) -> Path:
        """The usual place beside the file. It is also the lock on the file, whatever the key."""
        return self.folder / f".{self.file}.rotation"

    def own(self, key: Secret, server: str) -> Path:
        """Return the file that a run locks, and writes its journal to if it can.

        Where keys share a folder they have different names. It is as slow to try a guess at the
        key against as a password's hash, since other servers' keys may be weak.
        """
        if self.file:
            return self.beside
        name = hashlib.pbkdf2_hmac(
            "sha256",
            key.fingerprint().encode(),
            f"signotaur journal {canonical_server(server)}".encode(),
            _NAME_ROUNDS,
            _NAME_BYTES,
        )
        return self.folder / f"{name.hex()}.rotation"

    def spare(self) -> Path:
        """Return a free name for a journal, where another key's has the usual one."""
        prefix = f".{self.file}." if self.file else ""
        return self.folder / f"{prefix}{secrets.token_hex(_NAME_BYTES)}.rotation"

    def journals(self, machine: Machine) -> Iterator[Found]:
        """Yield every journal with a rotation in it, a live run's too; read only, not locked.

        The owner is checked only when a journal is opened to be used. Raises
        DestinationRefusedError for a folder that cannot be listed although files can be made in
        it: an open rotation may be in it.
        """
        prefix = re.escape(f".{self.file}.") if self.file else ""
        usual = "|" if self.file else ""
        names = re.compile(rf"{prefix}(?:[0-9a-f]{{16,32}}\.{usual})rotation")
        try:
            folder = machine.folder(self.folder)
        except OSError as error:
            if machine.has_posix_modes and os.access(self.folder, os.W_OK | os.X_OK):
                raise self._unsearchable(error) from None
            return
        with closing(folder):
            for name in sorted(filter(names.fullmatch, self._listed(folder))):
                entry = _entry_in(folder, name, machine)
                if entry is not None:
                    yield self.folder / name, entry

    def _listed(self, folder: Folder) -> list[str]:
        try:
            return folder.names()
        except OSError as error:
            raise self._unsearchable(error) from None

    def _unsearchable(self, error: OSError) -> DestinationRefusedError:
        return DestinationRefusedError(
            f"The folder {self.folder} cannot be searched for a journal ({os_reason(error)}).",
            next_step="Let this user list the folder, because an open rotation may be in it, and "
            "run the same command again.",
        )


def _entry_in(folder: Folder, name: str, machine: Machine) -> JournalEntry | None:
    try:
        descriptor = folder.open(
            name, os.O_RDWR
        )  # opening only to read would wait for a pipe's writer
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                return None
            return read_entry(machine.read_at(descriptor, status.st_size, 0))
        finally:
            os.close(descriptor)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # not a journal, or not this user's to read
