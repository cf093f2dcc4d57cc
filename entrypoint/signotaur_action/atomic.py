"""Owner-only files that are replaced whole or not at all.

A reader of the file sees the old content or the new one, never a part, whatever kills the
process. A bind-mounted file cannot be renamed over (EBUSY, EXDEV) and is written in place by one
padded write instead: safe against a killed process, not against a power cut; the journal covers
that. Why python-dotenv's writer is not used: it changes owner and mode, and fails on bind mounts.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_UNIQUE_BYTES = 8
_NO_FOLLOW = os.O_NOFOLLOW | os.O_CLOEXEC
_MOUNT_TABLE = Path("/proc/self/mountinfo")


class FileRefusedError(Exception):
    """A file cannot be replaced safely. The message says why, for the person who named it."""


class OwnerOnlyFile:
    """One file that holds a key: mode 0600, the owner kept (or the folder's, for a new file).

    A symbolic link is refused unless ``follow_symlinks``; the folders above it may be links.
    """

    def __init__(self, path: Path, *, follow_symlinks: bool = False) -> None:
        # realpath and not resolve: that one raises for links in a circle, which check() refuses.
        folder = Path(os.path.realpath(path.parent))
        self.path = Path(os.path.realpath(path)) if follow_symlinks else folder / path.name

    def check(self, size: int) -> None:
        """Prove that ``replace`` will work, by doing all of it but the last step.

        Writes ``size`` bytes that are no secret into a temporary file in the same folder, so a
        full disk, a read-only file system or a missing right is found now.
        Raises FileRefusedError. The file itself is not touched.
        """
        with _refusals(self.path):
            current = self._current()
            if current is not None and self._in_place():
                with _opened(self.path, os.O_WRONLY | _NO_FOLLOW):
                    return
            folder = self.path.parent.stat()
            if current is not None and os.geteuid() not in (0, current.st_uid):
                raise FileRefusedError(
                    f"it belongs to uid {current.st_uid}, and only root may keep that owner"
                )
            self._temporary(b"\n" * size, current or folder, publish=False)

    def replace(self, content: bytes) -> None:
        """Make ``content`` the file's content, durably. Raises FileRefusedError or OSError."""
        current = self._current()
        if current is not None and self._in_place():
            self._overwrite(content)
            return
        try:
            self._temporary(content, current or self.path.parent.stat(), publish=True)
        except OSError as error:
            if current is None or error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            self._overwrite(content)

    def read(self) -> bytes | None:
        """Return the content, or None when there is no such file.

        Raises FileRefusedError for what cannot be replaced either: a pipe would never end.
        """
        try:
            if self._current() is None:
                return None
            with _opened(self.path, os.O_RDONLY | _NO_FOLLOW) as descriptor:
                return _read_all(descriptor)
        except FileNotFoundError:
            return None

    def remove_leftovers(self) -> None:
        """Remove temporary files that a killed run left: they may hold a key.

        Call it only while holding the journal's lock, so that no live run owns them.
        """
        ours = re.compile(
            re.escape(f".{self.path.name}.") + rf"[0-9a-f]{{{2 * _UNIQUE_BYTES}}}\.tmp"
        )
        for entry in self.path.parent.iterdir():
            if ours.fullmatch(entry.name):  # and not those of a file with a longer name
                entry.unlink(missing_ok=True)

    def concerns(self) -> list[str]:
        """Return what a person should know about this place although it can be used."""
        found = []
        current, folder = self._current(), self.path.parent.stat().st_mode
        lost = 0 if current is None else stat.S_IMODE(current.st_mode) & 0o077
        if lost:
            found.append(f"{self.path}: others could read it; its mode becomes 0600")
        if folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
            found.append(f"{self.path.parent}: everybody may replace files in this folder")
        return found

    def is_mount_point(self) -> bool:
        """Return whether the file itself is mounted, as ``docker run -v FILE:FILE`` does."""
        return self._in_place()

    def _current(self) -> os.stat_result | None:
        try:
            current = self.path.lstat()
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(current.st_mode):
            raise FileRefusedError("it is a symbolic link; --follow-symlinks allows that")
        if not stat.S_ISREG(current.st_mode):
            raise FileRefusedError(f"it is {_kind(current.st_mode)}, not a regular file")
        if current.st_nlink > 1:
            raise FileRefusedError("it has other hard links, which would keep the old key")
        return current

    def _in_place(self) -> bool:
        try:
            table = _MOUNT_TABLE.read_text(errors="surrogateescape")
        except OSError:  # no /proc: nothing can be learned, and rename will tell
            return False
        escaped = str(self.path).replace("\\", "\\134").replace(" ", "\\040")
        return any(line.split(" ")[4] == escaped for line in table.splitlines())

    def _temporary(self, content: bytes, owner: os.stat_result, *, publish: bool) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        name = f".{self.path.name}.{secrets.token_hex(_UNIQUE_BYTES)}.tmp"
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600,
                                 dir_fd=folder)  # fmt: skip
            try:
                _fill(descriptor, content, owner)
            finally:
                os.close(descriptor)
            if publish:
                os.rename(name, self.path.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            os.close(folder)

    def _overwrite(self, content: bytes) -> None:
        # One write call: a kill leaves the old content or the new one with newlines behind it.
        with _opened(self.path, os.O_RDWR | _NO_FOLLOW) as descriptor:
            old = _read_all(descriptor)
            padded = content.ljust(len(old), b"\n")
            written = os.pwrite(descriptor, padded, 0)
            if written != len(padded):  # the disk is full: put back what stood there
                os.pwrite(descriptor, old, 0)
                os.ftruncate(descriptor, len(old))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.ftruncate(descriptor, len(content))
            os.fchmod(descriptor, 0o600)
            os.fsync(descriptor)


def _fill(descriptor: int, content: bytes, owner: os.stat_result) -> None:
    os.fchmod(descriptor, 0o600)  # whatever the umask was
    if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        except PermissionError:
            # Not root: a new file in somebody else's folder stays ours, as any new file would.
            if owner.st_uid == os.geteuid():
                os.fchown(descriptor, owner.st_uid, -1)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 65536):
        parts.append(part)
    return b"".join(parts)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise FileRefusedError(f"the folder {path.parent} does not exist") from None
    except NotADirectoryError:
        raise FileRefusedError(f"{path.parent} is not a folder") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise FileRefusedError(f"it cannot be written ({reason})") from None


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
