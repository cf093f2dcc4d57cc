"""Linux and macOS."""

import errno
import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from signotaur_action.machine.port import Limits

if sys.platform == "win32":  # for mypy, which reads this file for every system
    raise ImportError("this is not a POSIX system")

_CLOSE = os.O_CLOEXEC
_NO_FOLLOW = os.O_NOFOLLOW | _CLOSE
_KILLED = 128
_BLOCK, _KIB = 512, 1024
"""The units of the shell's limits for files and memory."""
_WITHOUT_NETWORK = (
    "{ for cut in -n -rn; do /usr/bin/unshare $cut /bin/true 2>/dev/null "
    '&& exec /usr/bin/unshare $cut "$@"; done; exec "$@"; }'
)
"""Becomes the program in a new network namespace: as root, else as root of a user namespace."""


def sync_to_disk(descriptor: int) -> None:
    """Return when the disk itself has the content.

    On macOS ``fsync`` leaves it in the disk's cache, which a power cut empties; ``F_FULLFSYNC``
    does not, and is missing on some network file systems.
    """
    if sys.platform == "darwin":
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


class PosixFolder:
    """A folder by its descriptor: it stays the same one if a folder above it is renamed."""

    def __init__(self, path: Path, sync: Callable[[int], None]) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _CLOSE)
        self._sync = sync
        self._close = weakref.finalize(self, _close_read_only, self._descriptor)

    def status(self) -> os.stat_result:
        """See ``port.Folder``."""
        return os.fstat(self._descriptor)

    def is_at(self, path: Path) -> bool:
        """See ``port.Folder``."""
        try:
            return os.path.samestat(path.stat(), self.status())
        except (FileNotFoundError, NotADirectoryError):
            return False

    def names(self) -> list[str]:
        """See ``port.Folder``."""
        return os.listdir(self._descriptor)  # noqa: PTH208 - Path takes no descriptor

    def status_of(self, name: str) -> os.stat_result:
        """See ``port.Folder``."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def open(self, name: str, access: int) -> int:
        """See ``port.Folder``."""
        return os.open(name, access | _NO_FOLLOW, dir_fd=self._descriptor)

    def create(self, name: str) -> int:
        """See ``port.Folder``."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW
        return os.open(name, flags, 0o600, dir_fd=self._descriptor)

    def publish(self, name: str, final: str) -> None:
        """See ``port.Folder``."""
        os.rename(name, final, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        self._sync(self._descriptor)

    def remove(self, name: str) -> None:
        """See ``port.Folder``."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def close(self) -> None:
        """See ``port.Folder``."""
        self._close()


class Posix:
    """See ``port.Machine``.

    The watchdog is ``ITIMER_REAL`` with the signal's default action: it counts while the process
    is stopped, and kills it before its next instruction.
    """

    open_flags = _CLOSE
    has_posix_modes = True
    interrupts = (signal.SIGINT,)
    terminations = (signal.SIGTERM,)

    def __init__(self, sync: Callable[[int], None] = sync_to_disk) -> None:
        self.sync = sync

    def open_private(self, path: Path) -> int:
        """See ``port.Machine``."""
        return os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)

    def claim(self, descriptor: int) -> None:
        """See ``port.Machine``."""
        owner = os.fstat(descriptor).st_uid
        if owner != os.geteuid():
            raise OSError(errno.EPERM, f"belongs to uid {owner}")
        self.close_to_others(descriptor)

    def why_not_replaceable(self, path: Path, status: os.stat_result) -> str | None:  # noqa: ARG002
        """See ``port.Machine``."""
        if os.geteuid() in (0, status.st_uid):
            return None
        return f"it belongs to uid {status.st_uid}, and only root may keep that owner"

    def why_owner_not_kept(self, file: os.stat_result, folder: os.stat_result) -> str | None:
        """See ``port.Machine``. Only root could give a file away."""
        trusted = file.st_uid in (os.geteuid(), folder.st_uid)
        if trusted or not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return None
        return (
            f"it belongs to uid {file.st_uid}, who may have created it to own the new key: others "
            "can write to this folder. Give the file to this user or to the folder's owner "
            "(chown), or remove the write permission of others (chmod go-w)"
        )

    def folder(self, path: Path) -> PosixFolder:
        """See ``port.Machine``."""
        return PosixFolder(path, self.sync)

    def set_owner(self, descriptor: int, model: os.stat_result) -> None:
        """See ``port.Machine``."""
        self.close_to_others(descriptor)
        if (model.st_uid, model.st_gid) == (os.geteuid(), os.getegid()):
            return
        try:
            os.fchown(descriptor, model.st_uid, model.st_gid)
        except PermissionError:
            # Not root: a new file in another user's folder stays ours, as any new file would.
            if model.st_uid == os.geteuid():
                os.fchown(descriptor, model.st_uid, -1)

    def close_to_others(self, descriptor: int) -> None:
        """See ``port.Machine``."""
        os.fchmod(descriptor, 0o600)  # whatever the umask was

    def publish_copy(self, copy: Path, file: Path) -> None:
        """See ``port.Machine``. Mode and owner are the file's."""
        original = file.stat()
        descriptor = os.open(copy, os.O_RDONLY | _CLOSE)
        try:
            with suppress(PermissionError):  # not root, and the file belongs to a group of others
                os.fchown(descriptor, original.st_uid, original.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(original.st_mode))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        copy.replace(file)

    def lock(self, descriptor: int) -> None:
        """See ``port.Machine``."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_at(self, path: Path, descriptor: int) -> bool:
        """See ``port.Machine``."""
        try:
            return os.path.samestat(path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def take_back(self, path: Path, descriptor: int) -> None:  # noqa: ARG002 - others need it
        """See ``port.Machine``."""
        path.unlink(missing_ok=True)

    def release(self, path: Path, descriptor: int) -> None:
        """See ``port.Machine``. Removed while it is locked: who waits finds that it is gone."""
        try:
            with suppress(OSError):
                if self.is_at(path, descriptor):  # and not in a folder that took this one's place
                    path.unlink()
                    self.sync_folder(path.parent)
        finally:
            with suppress(OSError):  # it is closed then, too, and nothing depends on it any more
                os.close(descriptor)

    def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
        """See ``port.Machine``."""
        return os.pread(descriptor, size, offset)

    def write_at(self, descriptor: int, content: bytes, offset: int) -> int:
        """See ``port.Machine``."""
        return os.pwrite(descriptor, content, offset)

    def sync_folder(self, path: Path) -> None:
        """See ``port.Machine``."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _CLOSE)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def unblock(self, signals: set[signal.Signals]) -> None:
        """See ``port.Machine``."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    def start_watchdog(self, seconds: float, last_words: str) -> None:  # noqa: ARG002
        """See ``port.Machine``. Nothing can be said: the kernel ends the process."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        self.unblock({signal.SIGALRM})
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def end_watchdog(self) -> None:
        """See ``port.Machine``."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def disable_core_dumps(self) -> None:
        """See ``port.Machine``."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def limited(self, command: Sequence[str], limits: Limits) -> Sequence[str]:
        """See ``port.Machine``. The shell sets the limits and becomes the program.

        So they apply from its first instruction on. ``preexec_fn`` is not safe in a process with
        threads, and ``resource.prlimit`` would come after the program has started. Few containers
        let a program be cut off from the network.
        """
        options = [
            ("c", resource.RLIMIT_CORE, 0, _BLOCK),
            ("t", resource.RLIMIT_CPU, limits.cpu_seconds, 1),
            ("f", resource.RLIMIT_FSIZE, limits.file_size, _BLOCK),
            ("n", resource.RLIMIT_NOFILE, limits.open_files, 1),
        ]
        if sys.platform != "darwin":  # macOS has no limit of address space
            options.append(("v", resource.RLIMIT_AS, limits.memory, _KIB))
        steps = [
            f"ulimit -{option} {_at_most(kind, limit) // unit}"
            for option, kind, limit, unit in options
        ]
        return ["/bin/sh", "-c", f"{' && '.join(steps)} && {_WITHOUT_NETWORK}", "sh", *command]

    def end_program(self, program: "subprocess.Popen[bytes]") -> None:
        """See ``port.Machine``."""
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)

    def code_of_child_of_pid_1(self, last_words: str) -> int | None:
        """See ``port.Machine``. The kernel ignores the watchdog's signal for PID 1.

        The parent forwards the stop signals, reaps every orphan and passes the code on.
        """
        if os.getpid() != 1:
            return None
        signals = {*self.interrupts, *self.terminations}
        # None may be lost between fork and handler.
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        child = os.fork()
        if child == 0:
            self.unblock(signals)
            return None
        for number in signals:
            signal.signal(number, lambda received, _frame: os.kill(child, received))
        self.unblock(signals)
        return _wait_for(child, last_words)


def _close_read_only(descriptor: int) -> None:
    """Close what nothing was written through: an error, as EINTR, changes nothing then."""
    with suppress(OSError):
        os.close(descriptor)


def _at_most(kind: int, limit: int) -> int:
    """Return a limit, or the lower one in effect, which only root may raise."""
    hard = resource.getrlimit(kind)[1]
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)


def _wait_for(child: int, last_words: str) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        sys.stderr.write(last_words)
    return code if code >= 0 else _KILLED - code
