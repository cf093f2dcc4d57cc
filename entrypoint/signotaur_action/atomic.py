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
from contextlib import contextmanager
from pathlib import Path

from signotaur_action.machine import MACHINE, Machine

_UNIQUE_BYTES = 8
_MOUNT_TABLE = Path("/proc/self/mountinfo")


class FileRefusedError(Exception):
    """A file cannot be replaced safely. The message says why, for the person who named it."""


class OwnerOnlyFile:
    """One file that holds a key: its owner's alone, who is kept (or the folder's, for a new file).

    A symbolic link is refused unless ``follow_symlinks``; the folders above it may be links.
    """

    def __init__(
        self, path: Path, *, follow_symlinks: bool = False, machine: Machine = MACHINE
    ) -> None:
        self._machine = machine
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
                with self._opened(os.O_WRONLY):
                    return
            folder = self.path.parent.stat()
            if current is not None:
                reason = self._machine.why_not_replaceable(self.path, current)
                if reason is not None:
                    raise FileRefusedError(reason)
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
            with self._opened(os.O_RDONLY) as descriptor:
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
        found: list[str] = []
        if not self._machine.modes_tell:
            return found
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
        name = f".{self.path.name}.{secrets.token_hex(_UNIQUE_BYTES)}.tmp"
        with self._machine.folder(self.path.parent) as folder:
            try:
                descriptor = folder.create(name)
                try:
                    self._machine.give(descriptor, owner)
                    _write_all(descriptor, content)
                    self._machine.sync(descriptor)
                finally:
                    os.close(descriptor)
                if publish:
                    folder.publish(name, self.path.name)
            finally:
                folder.remove(name)

    def _overwrite(self, content: bytes) -> None:
        # One write call: a kill leaves the old content or the new one with newlines behind it.
        with self._opened(os.O_RDWR) as descriptor:
            old = _read_all(descriptor)
            padded = content.ljust(len(old), b"\n")
            written = self._machine.write_at(descriptor, padded, 0)
            if written != len(padded):  # the disk is full: put back what stood there
                self._machine.write_at(descriptor, old, 0)
                os.ftruncate(descriptor, len(old))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.ftruncate(descriptor, len(content))
            self._machine.close_to_others(descriptor)
            self._machine.sync(descriptor)

    @contextmanager
    def _opened(self, access: int) -> Iterator[int]:
        descriptor = self._machine.open_file(self.path, access)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _read_all(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, 65536):
        parts.append(part)
    return b"".join(parts)


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
