"""File systems of a test's own: read-only, full, or a single mounted file. Only root may."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest


@contextmanager
def mounted(*arguments: str | Path, at: Path) -> Iterator[Path]:
    """Mount something, and take it away again whatever happens."""
    subprocess.run(["mount", *map(str, arguments), str(at)], check=True, capture_output=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True, capture_output=True)


@contextmanager
def small_disk(at: Path, size: str = "64k") -> Iterator[Path]:
    """Mount a disk of so many bytes on a folder, which is made."""
    require_mounts()
    at.mkdir(exist_ok=True)
    with mounted("-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", at=at):
        yield at


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Make a folder read-only, for root as well."""
    require_mounts()
    with mounted("--bind", "-o", "ro", folder, at=folder):
        yield folder


@contextmanager
def mounted_file(source: Path, at: Path, options: str = "rw") -> Iterator[Path]:
    """Mount a single file on another one, as ``docker run -v FILE:FILE`` does."""
    require_mounts()
    with mounted("--bind", "-o", options, source, at=at):
        yield at


def fill(disk: Path) -> None:
    """Leave no room on a disk for another byte."""
    descriptor = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, b"x" * 4096)
    except OSError:
        os.close(descriptor)


def require_root() -> None:
    """Skip a test that only root can run."""
    if os.geteuid() != 0:
        pytest.skip("only root may do this")


def require_mounts() -> None:
    """Skip a test where nothing can be mounted."""
    if not _can_mount():
        pytest.skip("nothing can be mounted here: that needs root and CAP_SYS_ADMIN")


@cache
def _can_mount() -> bool:
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted("-t", "tmpfs", "tmpfs", at=Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False
