"""What is special about POSIX systems, and macOS among them."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("this is not a POSIX system", allow_module_level=True)

from signotaur_action.errors import DestinationRefusedError
from signotaur_action.files.atomic import OwnerOnlyFile
from signotaur_action.files.journal import JournalPlace
from signotaur_action.machine import Limits
from signotaur_action.machine.posix import Posix, PosixFolder
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.key_file import KeyFileSink


class OtherFolders(Posix):
    """A machine whose folders do something else."""

    def __init__(self, kind: type[PosixFolder]) -> None:
        super().__init__()
        self._kind = kind

    def folder(self, path: Path) -> PosixFolder:
        return self._kind(path, self.sync)


def test_an_error_of_a_close_does_not_fail_a_run_that_is_over(tmp_path: Path) -> None:
    """Before, EIO or EINTR there ended a confirmed rotation with "Internal error"."""
    path = tmp_path / "key.txt.rotation"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    os.close(descriptor)
    Posix().release(path, descriptor)


def test_a_journals_folder_that_cannot_be_read_gives_no_warning(tmp_path: Path) -> None:
    """Before, an error of that one stat ended the run with "Internal error"."""
    place = JournalPlace(folders=[tmp_path / "state"])
    with place.locked(Secret("sig_old"), "https://keys.example.com") as journal:
        (tmp_path / "state").rename(tmp_path / "moved")
        assert place.concerns(journal) == []
        (tmp_path / "moved").rename(tmp_path / "state")


def test_a_folder_that_cannot_be_listed_may_have_a_journal_in_it(tmp_path: Path) -> None:
    """Before, the error of the list was "Internal error"; no list must not mean no rotation."""

    class Unlisted(PosixFolder):
        def names(self) -> list[str]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    machine = OtherFolders(Unlisted)
    place = JournalPlace(tmp_path / "key.txt", machine=machine)
    with (
        pytest.raises(DestinationRefusedError, match=r"a journal \(input/output") as refused,
        place.locked(Secret("sig_old"), "https://keys.example.com"),
    ):
        pass
    assert "Let this user list the folder" in refused.value.next


def test_a_folder_that_can_be_written_and_not_read_may_have_a_journal_in_it(
    tmp_path: Path,
) -> None:
    """Before, it counted as empty, and a second rotation of the key could begin."""

    class Unread(PosixFolder):
        def __init__(self, path: Path, _sync: Callable[[int], None]) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    key, server = Secret("sig_old"), "https://keys.example.com"
    place = JournalPlace(folders=[tmp_path], machine=OtherFolders(Unread))
    with pytest.raises(DestinationRefusedError, match=r"journal \(permission denied"):
        place.exists(key, server)
    missing = JournalPlace(folders=[tmp_path / "missing"], machine=OtherFolders(Unread))
    assert not missing.exists(key, server)


def test_an_error_of_the_close_of_a_folder_fails_nothing(tmp_path: Path) -> None:
    """Before, EINTR there ended a run with "Internal error"."""

    class Closed(PosixFolder):
        def names(self) -> list[str]:
            os.close(self._descriptor)  # so that the folder's own close fails
            return []

    place = JournalPlace(tmp_path / "key.txt", machine=OtherFolders(Closed))
    assert not place.exists(Secret("sig_old"), "https://keys.example.com")


@pytest.mark.parametrize("look", [1, 2, 3])
@pytest.mark.parametrize("kind", ["key file", "dotenv file"])
def test_a_folder_that_cannot_be_looked_at_refuses_the_file_in_it(
    tmp_path: Path, kind: str, look: int
) -> None:
    """Before, an error of the third look ended the run with "Internal error"."""
    looks = iter(range(1, 4))

    class Unseen(PosixFolder):
        def is_at(self, path: Path) -> bool:
            if next(looks) == look:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().is_at(path)

    path = tmp_path / "key.txt"
    path.write_bytes(b"")
    context = SinkContext(emit=print, environ={})
    sink: KeyFileSink | EnvFileSink = KeyFileSink(str(path), context)
    if kind == "dotenv file":
        sink = EnvFileSink(str(path), "API_KEY", context)
    sink.file = OwnerOnlyFile(path, machine=OtherFolders(Unseen))
    with pytest.raises(DestinationRefusedError, match=r"used: .*input/output error"):
        sink.check()


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


FILES = "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
LOWER_FIRST = """
import resource, subprocess, sys
from signotaur_action.machine import MACHINE, Limits
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 50))
limits = Limits(cpu_seconds=60, memory=4 << 30, file_size=1 << 20, open_files=64)
subprocess.run(MACHINE.limited([sys.executable, "-I", "-c", sys.argv[1]], limits), check=True)
"""


def test_a_lower_limit_is_kept() -> None:
    """Only root may raise it, and a program must not fail to start for that."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOWER_FIRST, FILES],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["50", "50"]


def test_a_program_cannot_use_more_than_its_limits(tmp_path: Path) -> None:
    limits = Limits(cpu_seconds=60, memory=256 << 20, file_size=64 << 10, open_files=64)
    greedy = "bytearray(1 << 30)"
    memory = subprocess.run(
        Posix().limited([sys.executable, "-I", "-c", greedy], limits),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if sys.platform != "darwin":
        assert "MemoryError" in memory.stderr

    path = tmp_path / "file"
    endless = "import sys; [sys.stdout.buffer.write(bytes(1024)) for _ in range(1024)]"
    with path.open("wb") as file:
        done = subprocess.run(
            Posix().limited([sys.executable, "-I", "-c", endless], limits),
            stdout=file, stderr=subprocess.DEVNULL, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode != 0
    assert path.stat().st_size == 64 << 10
