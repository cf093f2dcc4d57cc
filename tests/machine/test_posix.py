"""What is special about POSIX systems, and macOS among them."""

import os
import stat
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("there is no POSIX here", allow_module_level=True)

from signotaur_action.atomic import OwnerOnlyFile
from signotaur_action.journal import JournalPlace
from signotaur_action.machine.posix import Posix
from signotaur_action.model import Secret


def test_every_sync_of_files_and_folders_is_the_machines(tmp_path: Path) -> None:
    """On macOS that is F_FULLFSYNC: what `os.fsync` alone leaves in the disk's cache."""
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        os.fsync(descriptor)
        synced.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    machine = Posix(sync)
    OwnerOnlyFile(tmp_path / "key.txt", machine=machine).replace(b"new")
    assert synced == ["file", "folder"]
    synced.clear()
    key = Secret("an-old-key-of-the-vendor")
    with JournalPlace(tmp_path / "key.txt", machine=machine).locked(key, "") as journal:
        journal.clear()
    assert synced == ["file", "file", "folder"]  # reserve, cleared, removed
