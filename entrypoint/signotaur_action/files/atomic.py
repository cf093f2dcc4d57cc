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
from functools import cached_property
from pathlib import Path

from signotaur_action.errors import os_reason
from signotaur_action.machine import MACHINE, Folder, Machine

_UNIQUE_BYTES = 8
_MOUNT_TABLE = Path("/proc/self/mountinfo")


class FileRefusedError(Exception):
    """A file cannot be replaced safely. The message says why, for the user who named it."""


class OwnerOnlyFile:
    """One file with a key, private to its owner, who is kept (a new file gets the folder's owner).

    A symbolic link is refused unless ``follow_symlinks``; the folders above it may be links. The
    file's folder is opened once, by the first call, and everything is done in that one: a folder
    that takes its place between the check and the delivery gets nothing.
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

        Writes ``size`` bytes that are not secret into a temporary file in the same folder, so a
        full disk, a read-only file system or a missing right is found now.
        Raises FileRefusedError. The file itself is not touched.
        """
        with _refusals(self.path):
            current = self._current()
            if current is not None and self.is_mount_point():
                with self._opened(os.O_WRONLY):
                    return
            if current is not None:
                reason = self._machine.why_not_replaceable(self.path, current)
                if reason is not None:
                    raise FileRefusedError(reason)
            self._temporary(b"\n" * size, self._owner(current), publish=False)

    def replace(self, content: bytes) -> None:
        """Make ``content`` the file's content, durably. Raises FileRefusedError or OSError."""
        current = self._current()
        if current is not None and self.is_mount_point():
            self._overwrite(content)
            return
        try:
            self._temporary(content, self._owner(current), publish=True)
        except OSError as error:
            if current is None or error.errno not in (errno.EBUSY, errno.EXDEV):
                raise
            self._overwrite(content)

    def read(self, limit: int = -1) -> bytes | None:
        """Return the content, or its first ``limit`` bytes; None when there is no such file.

        Raises FileRefusedError for what cannot be replaced either: a pipe would never end.
        """
        try:
            if self._current() is None:
                return None
            with self._opened(os.O_RDONLY) as descriptor:
                return _read(descriptor, limit)
        except FileNotFoundError:
            return None

    def remove_leftovers(self) -> None:
        """Remove temporary files that a killed run left: they may contain a key.

        Only regular files have that name from us. One that cannot be removed is somebody
        else's, or the write that follows fails for the same reason and says so.
        Call it only while holding the journal's lock, so that no live run owns them.
        """
        ours = re.compile(
            re.escape(f".{self.path.name}.") + rf"[0-9a-f]{{{2 * _UNIQUE_BYTES}}}\.tmp"
        )
        folder = self._same_folder()
        for name in folder.names():
            if ours.fullmatch(name):  # and not those of a file with a longer name
                with suppress(OSError):
                    if stat.S_ISREG(folder.status_of(name).st_mode):
                        folder.remove(name)

    def concerns(self) -> list[str]:
        """Return what a person should know about this place although it can be used.

        Raises FileRefusedError.
        """
        if not self._machine.has_posix_modes:
            return []
        with _refusals(self.path):
            current, folder = self._current(), self._folder.status()
        mode = 0 if current is None else stat.S_IMODE(current.st_mode)
        found = folder_concerns(self.path.parent, folder)
        if mode & 0o077:
            found.append(
                f"{self.path} is accessible to other users (mode {mode:04o}); the new file will be "
                "for its owner only (mode 0600)"
            )
        return found

    def is_mount_point(self) -> bool:
        """Return whether the file itself is mounted, as ``docker run -v FILE:FILE`` does."""
        try:
            table = _MOUNT_TABLE.read_text(errors="surrogateescape")
        except OSError:  # no /proc: nothing can be learned before the rename
            return False
        escaped = str(self.path).replace("\\", "\\134").replace(" ", "\\040")
        return any(line.split(" ")[4] == escaped for line in table.splitlines())

    @cached_property
    def _folder(self) -> Folder:
        return self._machine.folder(self.path.parent)

    def _same_folder(self) -> Folder:
        """Return the folder that was opened first, if builds that read the path get there."""
        if not self._folder.is_at(self.path.parent):
            raise FileRefusedError(
                f"the folder {self.path.parent} was moved or replaced while this command ran, so "
                "the key was not written to the new folder. Put the original folder back"
            )
        return self._folder

    def _current(self) -> os.stat_result | None:
        folder = self._same_folder()
        try:
            current = folder.status_of(self.path.name)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(current.st_mode):
            raise FileRefusedError("it is a symbolic link; use --follow-symlinks to allow that")
        if not stat.S_ISREG(current.st_mode):
            raise FileRefusedError(f"it is {_kind(current.st_mode)}, not a regular file")
        if current.st_nlink > 1:
            raise FileRefusedError("it has other hard links, which would keep the old key")
        return current

    def _owner(self, current: os.stat_result | None) -> os.stat_result:
        """Return the status of what the new file gets its owner from: the file, or its folder."""
        folder = self._folder.status()
        if current is None:
            return folder
        reason = self._machine.why_owner_not_kept(current, folder)
        if reason is not None:
            raise FileRefusedError(reason)
        return current

    def _temporary(self, content: bytes, owner: os.stat_result, *, publish: bool) -> None:
        name = f".{self.path.name}.{secrets.token_hex(_UNIQUE_BYTES)}.tmp"
        folder = self._folder
        try:
            descriptor = folder.create(name)
            try:
                self._machine.set_owner(descriptor, owner)
                _write_all(descriptor, content)
                self._machine.sync(descriptor)
            finally:
                os.close(descriptor)
            if publish:
                folder.publish(name, self.path.name)
        finally:
            folder.remove(name)

    def _overwrite(self, content: bytes) -> None:
        # One write call: a kill leaves the old content or the new one with newlines after it.
        with self._opened(os.O_RDWR) as descriptor:
            old = _read(descriptor)
            padded = content.ljust(len(old), b"\n")
            written = self._machine.write_at(descriptor, padded, 0)
            if written != len(padded):  # the disk is full: restore the old content
                self._machine.write_at(descriptor, old, 0)
                os.ftruncate(descriptor, len(old))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.ftruncate(descriptor, len(content))
            self._machine.close_to_others(descriptor)
            self._machine.sync(descriptor)

    @contextmanager
    def _opened(self, access: int) -> Iterator[int]:
        descriptor = self._folder.open(self.path.name, access)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def folder_concerns(path: Path, status: os.stat_result) -> list[str]:
    """Return the warning that others can replace files in a folder, where its mode says so."""
    if status.st_mode & stat.S_ISVTX:  # as in /tmp: a file can be replaced by its owner alone
        return []
    if status.st_mode & stat.S_IWOTH:
        return [f"{path}: every user can replace files in this folder"]
    if status.st_mode & stat.S_IWGRP:
        return [f"{path}: members of group {status.st_gid} can replace files in this folder"]
    return []


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _read(descriptor: int, limit: int = -1) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(limit)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise FileRefusedError(f"the folder {path.parent} does not exist") from None
    except NotADirectoryError:
        raise FileRefusedError(f"{path.parent} is not a folder") from None
    except OSError as error:
        reason = os_reason(error)
        raise FileRefusedError(f"it cannot be written ({reason})") from None


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
