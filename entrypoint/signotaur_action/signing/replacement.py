"""A file is replaced by its signed copy, whole or not at all."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signotaur_action.machine import MACHINE

_ANYBODY_WRITES = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@contextmanager
def temporary_folder_beside(file: Path) -> Iterator[Path]:
    """Give a folder of our own beside a file; it is gone afterwards, with all that is in it.

    It is on the file's own disk, so that the copy can be moved over the file.
    Raises OSError for a file that may not be written, though moving would not need it.
    """
    if not file.stat().st_mode & _ANYBODY_WRITES:
        raise PermissionError(errno.EACCES, "it is read-only")
    os.close(os.open(file, os.O_WRONLY | MACHINE.open_flags))
    with tempfile.TemporaryDirectory(prefix=".signotaur-", dir=file.parent) as folder:
        yield Path(folder)


def publish(copy: Path, file: Path) -> None:
    """Put a finished copy in the file's place, with its mode and owner, or its rights."""
    MACHINE.publish_copy(copy, file)


def has_room(file: Path) -> bool:
    """Return whether the file's disk has room for a copy of it."""
    return shutil.disk_usage(file.parent).free > file.stat().st_size
