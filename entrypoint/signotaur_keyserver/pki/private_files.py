"""Files and folders that contain secrets, and who else may use them. POSIX rights alone."""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITING_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0


class ExposedError(Exception):
    """Others than their owner may use a file or folder. The message says what to run."""


def require_owner_only(file: Path, status: os.stat_result) -> None:
    """Raise ExposedError unless a file, whose ``status`` was taken, is for its owner alone."""
    if status.st_mode & _OTHERS:
        raise ExposedError(f"users other than its owner can use {file}: run chmod 600 {file}")


def require_not_shared(file: Path) -> None:
    """Raise ExposedError when others than its owner may use a file, and OSError.

    Root may let a group read it: so Debian keeps private keys (root:ssl-cert, 0640), and so
    orchestrators mount secrets for the group of a service.
    """
    status = file.stat()
    allowed = stat.S_IRGRP if status.st_uid == _ROOT else 0
    if status.st_mode & _OTHERS & ~allowed:
        raise ExposedError(f"users other than its owner can use {file}: run chmod 600 {file}")


def require_safe_folder(folder: Path) -> None:
    """Raise ExposedError where others could plant or replace what the server trusts, and OSError.

    Also in a folder of another user that is open to more than this one: only its owner decides
    what is in it.
    """
    status = folder.stat()
    if status.st_mode & _WRITING_OTHERS:
        raise ExposedError(
            f"users other than its owner can write to the folder {folder}: run chmod 700 {folder}"
        )
    if status.st_uid != os.geteuid() and status.st_mode & _OTHERS:
        raise ExposedError(
            f"the folder {folder} belongs to another user and is open to others: run this command "
            f"as its owner, or run chmod 700 {folder}"
        )
