"""Windows: what follows from how its files, locks and signals differ; its calls are ``win32``'s.

A file is private by its list of rights, which the file system must keep: a file whose list does
not read back as it was given gets no secret. An open file cannot be renamed or removed by anybody,
so its path stays its own. There is no folder to be synced: NTFS writes names to its own journal,
and a file is moved with ``MOVEFILE_WRITE_THROUGH``.
"""

import errno
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from signotaur_action.machine.port import Limits
from signotaur_action.machine.rights import are_kept, owner_only
from signotaur_action.machine.watchdog import Watchdog
from signotaur_action.machine.windows_calls import Calls

LOCKED_BYTE = 1 << 62
"""The byte that is locked: locks are mandatory, and no file reaches so far."""

_KEPT_OPEN = "another program has it open, or its permissions do not allow it"
_ATTEMPTS, _PAUSE_S = 20, 0.1
"""For how long a reader or a virus scanner may keep the old file open."""


class WindowsFolder:
    """A folder, by its path. What has its path is compared with it before anything is opened."""

    def __init__(self, path: Path, machine: "Windows") -> None:
        self._path = path
        self._machine = machine
        self._status = path.stat()
        if not stat.S_ISDIR(self._status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def status(self) -> os.stat_result:
        """See ``port.Folder``."""
        return self._status

    def is_at(self, path: Path) -> bool:
        """See ``port.Folder``."""
        try:
            return os.path.samestat(path.stat(), self._status)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def names(self) -> list[str]:
        """See ``port.Folder``."""
        return [each.name for each in self._path.iterdir()]

    def status_of(self, name: str) -> os.stat_result:
        """See ``port.Folder``."""
        return (self._path / name).lstat()

    def open(self, name: str, access: int) -> int:
        """See ``port.Folder``."""
        self._require_same()
        return self._machine.open_file(self._path / name, access)

    def create(self, name: str) -> int:
        """See ``port.Folder``."""
        self._require_same()
        return self._machine.create(self._path / name)

    def publish(self, name: str, final: str) -> None:
        """See ``port.Folder``. Raises PermissionError where another program keeps it open."""
        self._require_same()
        self._machine.move(self._path / name, self._path / final)

    def remove(self, name: str) -> None:
        """See ``port.Folder``."""
        (self._path / name).unlink(missing_ok=True)

    def close(self) -> None:
        """See ``port.Folder``."""

    def _require_same(self) -> None:
        if not self.is_at(self._path):
            raise OSError(errno.ESTALE, "another folder is in its place")


class Windows:
    """See ``port.Machine``."""

    has_posix_modes = False
    interrupts = (signal.SIGINT,)

    def __init__(
        self,
        calls: Calls,
        watchdog: Watchdog | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._calls = calls
        self._watchdog = watchdog or Watchdog()
        self._sleep = sleep
        self.open_flags = calls.open_flags
        self.terminations = calls.terminations

    def open_private(self, path: Path) -> int:
        """See ``port.Machine``."""
        return self._calls.open(path, os.O_RDWR, self._rights(), new=None)

    def claim(self, descriptor: int) -> None:
        """See ``port.Machine``."""
        _require_plain(descriptor)
        owner = self._calls.owner_of(descriptor)
        if owner not in self._selves():
            raise OSError(errno.EPERM, f"belongs to {owner}")
        self.close_to_others(descriptor)

    def open_file(self, path: Path, access: int) -> int:
        """Open an existing file. A link is not followed."""
        descriptor = self._calls.open(path, access, "", new=False)
        try:
            _require_plain(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def why_not_replaceable(self, path: Path, status: os.stat_result) -> str | None:
        """See ``port.Machine``. A file that another program keeps open is found here."""
        if not status.st_mode & stat.S_IWUSR:
            return "it is read-only"
        owner = self._calls.owner(path)
        if owner not in self._selves():
            return f"it belongs to {owner}, and the new file could not get that owner"
        try:
            self._calls.require_removable(path)
        except PermissionError:
            return _KEPT_OPEN
        return None

    def why_owner_not_kept(self, file: os.stat_result, folder: os.stat_result) -> str | None:  # noqa: ARG002
        """See ``port.Machine``. No other owner can be given."""
        return None

    def folder(self, path: Path) -> WindowsFolder:
        """See ``port.Machine``."""
        return WindowsFolder(path, self)

    def create(self, path: Path) -> int:
        """Make and open a file that is private from its first moment on."""
        self._watchdog.check()
        descriptor = self._calls.open(path, os.O_RDWR, self._rights(), new=True)
        try:
            self._require_private(descriptor)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return descriptor

    def move(self, source: Path, target: Path) -> None:
        """Rename a file over the target as soon as no process has that open."""
        for _ in range(_ATTEMPTS):
            self._watchdog.check()
            try:
                self._calls.move(source, target)
            except PermissionError:
                self._sleep(_PAUSE_S)
            else:
                return
        raise PermissionError(errno.EACCES, _KEPT_OPEN)

    def set_owner(self, descriptor: int, model: os.stat_result) -> None:
        """See ``port.Machine``. A file is made private, and no other owner can be given."""

    def close_to_others(self, descriptor: int) -> None:
        """See ``port.Machine``."""
        self._calls.set_rights(descriptor, self._rights())
        self._require_private(descriptor)

    def publish_copy(self, copy: Path, file: Path) -> None:
        """See ``port.Machine``."""
        descriptor = os.open(copy, os.O_RDWR | self.open_flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._calls.replace(copy, file)

    def lock(self, descriptor: int) -> None:
        """See ``port.Machine``. The system may take a moment to free a dead process's lock."""
        try:
            self._calls.lock(descriptor, LOCKED_BYTE)
        except PermissionError as error:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error

    def is_at(self, path: Path, descriptor: int) -> bool:  # noqa: ARG002 - others need it
        """See ``port.Machine``. Always: nobody renames or removes an open file."""
        return True

    def take_back(self, path: Path, descriptor: int) -> None:  # noqa: ARG002 - others need it
        """See ``port.Machine``."""
        os.ftruncate(descriptor, 0)

    def release(self, path: Path, descriptor: int) -> None:
        """See ``port.Machine``. Who opened it in between keeps it from being removed."""
        os.close(descriptor)
        with suppress(OSError):
            path.unlink()

    def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
        """See ``port.Machine``."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)

    def write_at(self, descriptor: int, content: bytes, offset: int) -> int:
        """See ``port.Machine``."""
        self._watchdog.check()
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        """See ``port.Machine``."""
        os.fsync(descriptor)

    def sync_folder(self, path: Path) -> None:
        """See ``port.Machine``. Nothing is left to do, see above."""

    def unblock(self, signals: set[signal.Signals]) -> None:
        """See ``port.Machine``. Signals cannot be blocked here."""

    def start_watchdog(self, seconds: float, last_words: str) -> None:
        """See ``port.Machine``, and ``watchdog`` for what it cannot do."""
        self._watchdog.start(seconds, last_words)

    def end_watchdog(self) -> None:
        """See ``port.Machine``."""
        self._watchdog.stop()

    def disable_core_dumps(self) -> None:
        """See ``port.Machine``. A dump that the administrator requires is still made."""
        self._calls.disable_core_dumps()

    def limited(self, command: Sequence[str], limits: Limits) -> Sequence[str]:  # noqa: ARG002
        """See ``port.Machine``. No limit is set here."""
        return command

    def end_program(self, program: "subprocess.Popen[bytes]") -> None:
        """See ``port.Machine``. A child whose parent has ended already is not found."""
        self._calls.end_tree(program.pid)
        program.kill()

    def code_of_child_of_pid_1(self, last_words: str) -> int | None:  # noqa: ARG002
        """See ``port.Machine``. There is no PID 1."""
        return None

    def _rights(self) -> str:
        return owner_only(self._calls.user())

    def _selves(self) -> set[str]:
        return {self._calls.user(), self._calls.default_owner()}

    def _require_private(self, descriptor: int) -> None:
        found = self._calls.rights_of(descriptor)
        if not are_kept(found, self._calls.normal(self._rights())):
            raise OSError(errno.EPERM, "this file system does not store file permissions")


def _require_plain(descriptor: int) -> None:
    status = os.fstat(descriptor)
    attributes: int = getattr(status, "st_file_attributes", 0)
    if attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT or not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EPERM, "a link, not a plain file")
