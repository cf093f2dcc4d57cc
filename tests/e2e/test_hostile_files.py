"""Destinations in folders that others can change: a key goes to its place or nowhere."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.client_harness import NOTHING_SENT, ClientHarness, assert_explained
from support.front import Exchange, Front, answering
from support.keyserver import KeyServer
from support.mounts import require_root

STRANGER = 4321
BOTH_WORK = "The old and the new key both work"


def key_file(file: Path) -> tuple[str | Path, ...]:
    return ("--wk", file)


def dotenv_file(file: Path) -> tuple[str | Path, ...]:
    return ("--we", file)


FILES = pytest.mark.parametrize("written", [key_file, dotenv_file])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    return folder


@pytest.fixture
def front_desk(plain_server: KeyServer, tmp_path: Path) -> ClientHarness:
    return ClientHarness(plain_server, tmp_path)


def everything(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


# A folder that is exchanged while the run works


def by_a_link(at: Path, other: Path) -> None:
    at.symlink_to(other)


def by_a_folder(at: Path, other: Path) -> None:
    other.rename(at)


@FILES
@pytest.mark.parametrize("exchange", [by_a_link, by_a_folder])
def test_a_folder_that_took_the_place_of_the_checked_one_gets_no_key(
    front: Front,
    front_desk: ClientHarness,
    folder: Path,
    written: Callable[[Path], tuple[str | Path, ...]],
    exchange: Callable[[Path, Path], None],
) -> None:
    """Before, the key was written to the other folder, and the run ended with 0."""
    key = front_desk.ledger.add()
    kept, other = folder.with_name("kept"), folder.with_name("other")
    other.mkdir()
    command: tuple[str | Path, ...] = ("rotate-key", *front.options)
    command += ("--af", front_desk.store(key), *written(folder / "new"))

    def fault(exchanged: Exchange) -> bool:
        if exchanged.method == "PUT" and not kept.exists():
            folder.rename(kept)
            exchange(folder, other)
        return False

    front.faults.append(fault)
    done = front_desk.run(*command)
    assert done.code == 12, done.said
    said = f"the folder {folder} was moved or replaced while this command ran"
    assert all(part in done.err for part in (said, "Put the original folder back", BOTH_WORK))
    assert list(folder.iterdir()) == []
    assert [path.name for path in kept.iterdir()] == [".new.rotation"]
    assert front_desk.ledger.of(key)["revoke_due_utc"] is None

    if folder.is_symlink():
        folder.unlink()
    else:
        folder.rename(other)
    kept.rename(folder)
    front.faults.clear()
    done = front_desk.run(*command)
    assert done.code == 0, done.err
    assert len(front_desk.ledger.successors(key)) == 1
    assert [path.name for path in folder.iterdir()] == ["new"]


# A file that somebody else created


PLANT = """
import os, sys
os.setgid(4321)
os.setuid(4321)
os.umask(0o022)
open(sys.argv[1], "x").close()
"""
READ = PLANT.replace('open(sys.argv[1], "x").close()', "print(open(sys.argv[1]).read())")


def as_stranger(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    require_root()
    return subprocess.run(
        [sys.executable, "-I", "-c", code, path], capture_output=True, text=True, check=False
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that every user reaches, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name, "folder")
        folder.mkdir()
        yield folder


@FILES
@pytest.mark.parametrize("mode", [0o1777, 0o777])
def test_root_gives_no_key_to_the_user_who_created_the_file(
    client: ClientHarness,
    key: str,
    open_folder: Path,
    written: Callable[[Path], tuple[str | Path, ...]],
    mode: int,
) -> None:
    """Before, uid 4321 read the new key: exit code 0, its owner kept, no warning."""
    open_folder.chmod(mode)
    file = open_folder / "api_key.txt"
    planted = as_stranger(PLANT, file)
    assert planted.returncode == 0, planted.stderr
    done = client.rotate("--af", client.store(key), *written(file))
    assert_explained(
        done, 11, f"it belongs to uid {STRANGER}, who may have created it", "chown", NOTHING_SENT
    )
    assert as_stranger(READ, file).stdout.strip() == ""
    assert client.ledger.of(key)["first_used_at_utc"] is None

    os.chown(file, 0, 0)  # as the message says
    done = client.rotate("--af", client.store(key), *written(file))
    assert done.code == 0, done.err
    assert client.ledger.successors(key)
    assert "PermissionError" in as_stranger(READ, file).stderr


def test_a_workspace_of_another_user_that_is_mounted_into_a_container(
    client: ClientHarness, key: str, folder: Path
) -> None:
    """Root in the container, folder and file of uid 1001: the next step on the host reads it."""
    require_root()
    file = folder / "api_key.txt"
    file.touch()
    for path in (folder, file):
        os.chown(path, 1001, 1001)
    folder.chmod(0o775)
    done = client.rotate("--af", client.store(key), "--wk", file)
    assert done.code == 0, done.err
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (1001, 0o600)
    assert f"{folder}: members of group 1001 can replace files in this folder" in done.err


def test_a_file_that_was_open_to_others_is_reported_once_and_closed(
    client: ClientHarness, key: str, folder: Path
) -> None:
    file = folder / "api_key.txt"
    file.write_text(f"{key}\n")
    file.chmod(0o644)
    done = client.rotate("--af", file, "--wk", file)
    assert done.code == 0, done.err
    assert done.err.count("is accessible to other users (mode 0644)") == 1
    assert "the new file will be for its owner only (mode 0600)" in done.err
    assert file.stat().st_mode & 0o777 == 0o600


# What killed runs leave, or what looks like it


@FILES
def test_a_folder_that_is_named_like_a_leftover_stops_no_run(
    client: ClientHarness, key: str, folder: Path, written: Callable[[Path], tuple[str | Path, ...]]
) -> None:
    """Before: exit code 12 after the rotation, at every repeat, until somebody removed it."""
    file = folder / "new"
    odd = folder / ".new.0123456789abcdef.tmp"
    odd.mkdir()
    done = client.rotate("--af", client.store(key), *written(file))
    assert done.code == 0, done.err
    assert set(folder.iterdir()) == {odd, file}


@FILES
def test_a_leftover_is_removed_by_a_run_that_need_not_write(
    front: Front,
    front_desk: ClientHarness,
    folder: Path,
    written: Callable[[Path], tuple[str | Path, ...]],
) -> None:
    key = front_desk.ledger.add()
    file = folder / "new"
    command = ("rotate-key", *front.options, "--af", front_desk.store(key), *written(file))
    front.faults.append(answering(400, part="confirmation"))
    assert front_desk.run(*command).code == 12
    front.faults.clear()
    (folder / ".new.0123456789abcdef.tmp").write_text("left by a killed run")
    done = front_desk.run(*command)
    assert done.code == 0, done.err
    assert "had the key already" in done.err
    assert list(folder.iterdir()) == [file]


# Large files


def test_a_dotenv_file_above_64_kib_is_refused(
    client: ClientHarness, key: str, folder: Path
) -> None:
    """Before, a file of 390 KB with short lines took 14 s; a key is read from 64 KiB at most."""
    file = folder / ".env"
    room = 64 * 1024 - len(f"SIGNOTAUR_API_KEY={key}\n")
    for size, fits in ((390_000, False), (room + 1, False), (room, True)):
        file.write_text("A=1\n" * (size // 4) + "#" * (size % 4 - 1) + "\n" * (size % 4 > 0))
        assert file.stat().st_size == size
        before = file.read_text()
        done = client.rotate("--af", client.store(key), "--we", file)
        if fits:
            assert done.code == 0, done.err
            assert file.stat().st_size == 64 * 1024
        else:
            assert_explained(done, 11, "it is larger than 64 KiB", NOTHING_SENT)
            assert file.read_text() == before


# The workspace


def test_a_key_file_in_a_workspace_that_is_a_link_is_warned_of(
    client: ClientHarness, key: str, tmp_path: Path
) -> None:
    """Before, paths were compared as they were encoded, and nothing was said."""
    (tmp_path / "linked").symlink_to(client.cwd)
    for workspace in (tmp_path / "linked", client.cwd):
        for file in (client.cwd / "new.txt", tmp_path / "linked" / "new.txt"):
            env = {"GITHUB_WORKSPACE": str(workspace)}
            done = client.rotate("--af", client.store(key), "--wk", file, "--dry-run", env=env)
            assert done.code == 0, done.err
            assert f"{client.cwd / 'new.txt'} is in the workspace" in done.err
    elsewhere = client.rotate(
        *("--af", client.store(key), "--wk", tmp_path / "new.txt", "--dry-run"),
        env={"GITHUB_WORKSPACE": str(tmp_path / "linked")},
    )
    assert "workspace" not in elsewhere.err


# The folder of the journal


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o777, "every user can replace files in this folder"),
        (0o775, "members of group 0 can replace files in this folder"),
        (0o700, None),
    ],
)
def test_a_state_folder_that_others_write_is_warned_of(
    client: ClientHarness, key: str, folder: Path, mode: int, said: str | None
) -> None:
    folder.chmod(mode)
    done = client.rotate(
        "--af", client.store(key), "--wk", client.cwd / "new", "--state-dir", folder
    )
    assert done.code == 0, done.err
    assert (f"Warning: {folder}: {said}" in done.err) == (said is not None)
    assert list(folder.iterdir()) == []
