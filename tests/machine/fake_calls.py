"""The system calls of Windows on a POSIX file system: what ``win32`` gives on the real one.

Files are real; owners, rights and who keeps a file open are remembered here. What is not true of
Windows here: an open file can be removed.
"""

import errno
import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path

USER = "S-1-5-21-1-2-3-1001"
ADMINISTRATORS = "S-1-5-32-544"
STRANGER = "S-1-5-21-1-2-3-1002"
INHERITED = "D:AI(A;ID;FA;;;BA)(A;ID;FR;;;BU)"

File = tuple[int, int]


class FakeCalls:
    """See ``windows_calls.Calls``. ``log`` holds every call that changes or opens something."""

    terminations = (signal.SIGTERM,)
    open_flags = os.O_CLOEXEC

    def __init__(self, *, keeps_rights: bool = True) -> None:
        self.log: list[str] = []
        self.rights: dict[File, str] = {}
        self.owners: dict[File, str] = {}
        self.locks: list[int] = []
        self._keeps_rights = keeps_rights
        self._held: dict[int, File] = {}

    def user(self) -> str:
        return USER

    def default_owner(self) -> str:
        return ADMINISTRATORS

    def open(self, path: Path, access: int, rights: str, *, new: bool | None) -> int:
        if path.is_symlink():
            return os.open(path, os.O_PATH | os.O_NOFOLLOW)
        flags = {True: os.O_CREAT | os.O_EXCL, False: 0, None: os.O_CREAT}[new]
        is_made = not path.exists()
        descriptor = os.open(path, access | flags | os.O_CLOEXEC)
        self._held[descriptor] = _file(os.fstat(descriptor))
        if is_made and self._keeps_rights:
            self.rights[self._held[descriptor]] = rights or INHERITED
        self.log.append(f"open {path.name}")
        return descriptor

    def require_removable(self, path: Path) -> None:
        if self._is_held(path):
            raise _sharing_violation()

    def owner(self, path: Path) -> str:
        return self.owners.get(_file(path.stat()), USER)

    def owner_of(self, descriptor: int) -> str:
        return self.owners.get(_file(os.fstat(descriptor)), USER)

    def rights_of(self, descriptor: int) -> str:
        return self._rights(_file(os.fstat(descriptor)))

    def rights_at(self, path: Path) -> str:
        """Return the rights of a file by its path, for tests."""
        return self._rights(_file(path.stat()))

    def set_rights(self, descriptor: int, rights: str) -> None:
        if self._keeps_rights:
            self.rights[_file(os.fstat(descriptor))] = rights
        self.log.append("set rights")

    def normal(self, rights: str) -> str:
        return rights[rights.index("D:") :]

    def lock(self, descriptor: int, offset: int) -> None:
        self.locks.append(offset)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "lock violation") from None

    def move(self, source: Path, target: Path) -> None:
        self.log.append(f"move to {target.name}")
        self.require_removable(target)
        source.replace(target)

    def replace(self, copy: Path, file: Path) -> None:
        kept = self._rights(_file(file.stat()))
        copy.replace(file)
        self.rights[_file(file.stat())] = kept

    def disable_core_dumps(self) -> None:
        self.log.append("no dumps")

    def end_tree(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _rights(self, file: File) -> str:
        found = self.rights.get(file, INHERITED) if self._keeps_rights else "D:NO_ACCESS_CONTROL"
        return found[found.index("D:") :]

    def _is_held(self, path: Path) -> bool:
        if not path.exists():
            return False
        for descriptor, file in list(self._held.items()):
            try:
                is_open = _file(os.fstat(descriptor)) == file
            except OSError:
                is_open = False
            if not is_open:
                del self._held[descriptor]
        return _file(path.stat()) in self._held.values()


def _file(status: os.stat_result) -> File:
    return status.st_dev, status.st_ino


def _sharing_violation() -> PermissionError:
    return PermissionError(errno.EACCES, "sharing violation")
