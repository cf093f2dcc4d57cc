"""Replace a file by its signed copy: completely or not at all."""

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
    """Create a temporary folder next to a file, and remove it with its content afterwards.

    It is on the same disk as the file, so that a copy can be moved over the file. Raises OSError
    for a file that is not writable, although moving would not need that.
    """
    if not file.stat().st_mode & _ANYBODY_WRITES:
        raise PermissionError(errno.EACCES, "it is read-only")
    os.close(os.open(file, os.O_WRONLY | MACHINE.open_flags))
    with tempfile.TemporaryDirectory(prefix=".signotaur-", dir=file.parent) as folder:
        yield Path(folder)


def publish(copy: Path, file: Path) -> None:
    """Move a finished copy over the file; mode and owner, or access rights, stay."""
    MACHINE.publish_copy(copy, file)


def has_space_for_copy(file: Path) -> bool:
    """Return whether the file's disk has space for a copy of it."""
    return shutil.disk_usage(file.parent).free > file.stat().st_size
