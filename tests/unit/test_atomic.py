"""Owner-only files on the real file system: whole or not at all, and never anybody else's."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signotaur_action.files.atomic import FileRefusedError, OwnerOnlyFile
from signotaur_action.machine.posix import Posix
from support.mounts import fill, mounted_file, read_only, require_root, small_disk

KILLS = Path(__file__).parents[1] / "support" / "kills.py"
STRANGER = 1234


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    return folder


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "key.txt"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


def reason(file: OwnerOnlyFile) -> str:
    with pytest.raises(FileRefusedError) as caught:
        file.check(100)
    return str(caught.value)


# Content, mode and owner


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_new_file_is_readable_by_its_owner_alone_whatever_the_umask(
    path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        OwnerOnlyFile(path).check(10)
        OwnerOnlyFile(path).replace(b"new")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600


@pytest.mark.parametrize("old_mode", [0o644, 0o600, 0o400, 0o777])
def test_an_existing_file_is_replaced_and_closed_to_others(path: Path, old_mode: int) -> None:
    path.write_bytes(b"old")
    path.chmod(old_mode)
    inode = path.stat().st_ino
    OwnerOnlyFile(path).replace(b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert path.stat().st_ino != inode, "a reader that has the old file open keeps it whole"


@pytest.mark.parametrize("content", [b"", b"x", b"long " * 100_000])
def test_any_content_is_read_back(path: Path, content: bytes) -> None:
    file = OwnerOnlyFile(path)
    assert file.read() is None
    file.replace(content)
    assert file.read() == content


def test_the_owner_of_an_existing_file_is_kept(path: Path) -> None:
    require_root()
    path.write_bytes(b"old")
    os.chown(path, STRANGER, STRANGER + 1)
    OwnerOnlyFile(path).check(10)
    OwnerOnlyFile(path).replace(b"new")
    assert owner(path) == (STRANGER, STRANGER + 1)
    assert mode(path) == 0o600


def test_a_new_file_belongs_to_the_owner_of_its_folder(folder: Path, path: Path) -> None:
    require_root()
    os.chown(folder, STRANGER, STRANGER)
    OwnerOnlyFile(path).replace(b"new")
    assert owner(path) == (STRANGER, STRANGER)


@pytest.mark.parametrize("folder_mode", [0o777, 0o1777, 0o775, 0o1770])
def test_the_owner_of_a_file_that_others_could_have_planted_is_not_kept(
    folder: Path, path: Path, folder_mode: int
) -> None:
    """Before, root gave the new key to anybody who had created an empty file of that name."""
    require_root()
    folder.chmod(folder_mode)
    path.touch()
    os.chown(path, STRANGER, STRANGER)
    assert reason(OwnerOnlyFile(path)).startswith(f"it belongs to uid {STRANGER}, who may have")
    with pytest.raises(FileRefusedError, match="chown"):
        OwnerOnlyFile(path).replace(b"new")
    assert path.read_bytes() == b""
    assert list(folder.iterdir()) == [path]


def test_a_file_that_is_planted_after_the_check_gets_no_key(folder: Path, path: Path) -> None:
    require_root()
    folder.chmod(0o1777)
    file = OwnerOnlyFile(path)
    file.check(10)
    path.touch()
    os.chown(path, STRANGER, STRANGER)
    with pytest.raises(FileRefusedError, match=f"uid {STRANGER}"):
        file.replace(b"new")
    assert path.read_bytes() == b""


@pytest.mark.parametrize(("folder_owner", "file_owner"), [(0, 0), (STRANGER, STRANGER), (7, 0)])
def test_an_owner_that_is_trusted_is_kept_in_a_folder_that_others_write(
    folder: Path, path: Path, folder_owner: int, file_owner: int
) -> None:
    """Root's own file, and a workspace of another user that is mounted into a container."""
    require_root()
    folder.chmod(0o777)
    os.chown(folder, folder_owner, folder_owner)
    path.touch()
    os.chown(path, file_owner, file_owner)
    OwnerOnlyFile(path).check(10)
    OwnerOnlyFile(path).replace(b"new")
    assert owner(path) == (file_owner, file_owner)
    assert path.read_bytes() == b"new"


AS_STRANGER = """
import os, sys
from pathlib import Path
from signotaur_action.files.atomic import OwnerOnlyFile
os.setgid(1234)
os.setuid(1234)
OwnerOnlyFile(Path(sys.argv[1])).check(1)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that every user reaches, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def refusal_to_a_stranger(path: Path) -> str:
    require_root()
    done = subprocess.run(
        [sys.executable, "-I", "-c", AS_STRANGER, path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr.strip().splitlines()[-1]


def test_a_file_of_somebody_else_is_refused_to_all_but_root(open_folder: Path) -> None:
    path = open_folder / "key.txt"
    path.write_bytes(b"old")
    open_folder.chmod(0o777)
    refusal = refusal_to_a_stranger(path)
    assert refusal.endswith("it belongs to uid 0, and only root may keep that owner")
    assert path.read_bytes() == b"old"


def test_a_folder_without_rights_is_refused(open_folder: Path) -> None:
    refusal = refusal_to_a_stranger(open_folder / "key.txt")
    assert refusal.endswith("it cannot be written (permission denied)")


# What is refused


def test_a_symbolic_link_is_refused_unless_it_may_be_followed(folder: Path, path: Path) -> None:
    target = folder / "target"
    target.write_bytes(b"old")
    path.symlink_to(target)
    assert "--follow-symlinks" in reason(OwnerOnlyFile(path))
    with pytest.raises(FileRefusedError):
        OwnerOnlyFile(path).replace(b"new")
    with pytest.raises(FileRefusedError, match="symbolic link"):
        OwnerOnlyFile(path).read()
    assert target.read_bytes() == b"old"

    following = OwnerOnlyFile(path, follow_symlinks=True)
    following.check(10)
    following.replace(b"new")
    assert path.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_dangling_link_is_refused_or_its_target_made(folder: Path, path: Path) -> None:
    path.symlink_to(folder / "nowhere")
    assert "symbolic link" in reason(OwnerOnlyFile(path))
    OwnerOnlyFile(path, follow_symlinks=True).replace(b"new")
    assert (folder / "nowhere").read_bytes() == b"new"


def test_a_link_among_the_folders_is_followed(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "linked").symlink_to(folder)
    OwnerOnlyFile(tmp_path / "linked" / "key.txt").replace(b"new")
    assert (folder / "key.txt").read_bytes() == b"new"


def test_a_file_with_another_name_is_refused(folder: Path, path: Path) -> None:
    path.write_bytes(b"old")
    os.link(path, folder / "other")
    assert "hard links" in reason(OwnerOnlyFile(path))
    with pytest.raises(FileRefusedError):
        OwnerOnlyFile(path).replace(b"new")
    assert (folder / "other").read_bytes() == b"old"


def test_a_folder_is_refused(folder: Path) -> None:
    assert "a folder, not a regular file" in reason(OwnerOnlyFile(folder))


@pytest.mark.timeout(5)
def test_a_pipe_is_refused_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    assert "a pipe, not a regular file" in reason(OwnerOnlyFile(path))
    with pytest.raises(FileRefusedError, match="a pipe"):
        OwnerOnlyFile(path).read()


def test_a_device_is_refused() -> None:
    assert "a device, not a regular file" in reason(OwnerOnlyFile(Path("/dev/null")))


def test_a_missing_folder_is_refused(folder: Path) -> None:
    missing = folder / "missing" / "key.txt"
    assert reason(OwnerOnlyFile(missing)) == f"the folder {missing.parent} does not exist"


def test_a_file_in_place_of_the_folder_is_refused(path: Path) -> None:
    path.write_bytes(b"a file")
    below = path / "key.txt"
    assert reason(OwnerOnlyFile(below)) == f"{path} is not a folder"


def test_a_read_only_folder_is_refused(folder: Path, path: Path) -> None:
    path.write_bytes(b"old")
    with read_only(folder):
        assert "read-only file system" in reason(OwnerOnlyFile(path))
        with pytest.raises(OSError, match="Read-only"):
            OwnerOnlyFile(path).replace(b"new")
        assert path.read_bytes() == b"old"


def test_a_full_disk_is_found_by_the_check_and_keeps_the_old_content(folder: Path) -> None:
    with small_disk(folder):
        path = folder / "key.txt"
        path.write_bytes(b"old")
        fill(folder)
        assert "no space left" in reason(OwnerOnlyFile(path))
        with pytest.raises(OSError, match="No space"):
            OwnerOnlyFile(path).replace(b"new")
        assert path.read_bytes() == b"old"
        assert {each.name for each in folder.iterdir()} == {"key.txt", "filler"}


def test_a_check_demands_room_for_the_size_that_is_named(folder: Path) -> None:
    with small_disk(folder):
        OwnerOnlyFile(folder / "key.txt").check(4096)
        with pytest.raises(FileRefusedError, match="no space left"):
            OwnerOnlyFile(folder / "key.txt").check(128 * 1024)


# What a check leaves behind


@pytest.mark.parametrize("existing", [None, b"old"])
def test_a_check_leaves_no_trace(folder: Path, path: Path, existing: bytes | None) -> None:
    if existing is not None:
        path.write_bytes(existing)
        path.chmod(0o640)
    before = path.stat() if existing else None
    for _ in range(3):
        OwnerOnlyFile(path).check(1000)
    assert list(folder.iterdir()) == ([path] if existing else [])
    if before is not None:
        after = path.stat()
        assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (
            before.st_ino,
            before.st_mode,
            before.st_mtime_ns,
        )
        assert path.read_bytes() == existing


def test_leftovers_of_this_file_are_removed_and_nothing_else(folder: Path, path: Path) -> None:
    ours = folder / ".key.txt.0123456789abcdef.tmp"
    others = [
        folder / ".key.txt.production.0123456789abcdef.tmp",  # of another, longer name
        folder / ".key.txt.backup.tmp",
        folder / ".key.tmp",
        folder / "key.txt.0123456789abcdef.tmp",
        folder / ".key_txt.0123456789abcdef.tmp",
        path,
    ]
    for each in [ours, *others]:
        each.write_bytes(b"x")
    OwnerOnlyFile(path).remove_leftovers()
    assert set(folder.iterdir()) == set(others)


def test_only_regular_files_are_taken_for_leftovers(folder: Path, path: Path) -> None:
    """A folder of such a name ended every run with exit code 12, after the rotation."""
    kinds = [folder / f".key.txt.{number:016x}.tmp" for number in range(3)]
    kinds[0].mkdir()
    os.mkfifo(kinds[1])
    kinds[2].symlink_to(folder / "elsewhere")
    file = OwnerOnlyFile(path)
    file.check(10)
    file.remove_leftovers()
    file.replace(b"new")
    assert set(folder.iterdir()) == {*kinds, path}


REPLACE_AS_STRANGER = """
import os, sys
from pathlib import Path
from signotaur_action.files.atomic import OwnerOnlyFile
os.setgid(1234)
os.setuid(1234)
file = OwnerOnlyFile(Path(sys.argv[1]))
file.check(1)
file.remove_leftovers()
file.replace(b"new")
"""


def test_a_leftover_of_somebody_else_stops_nobody(open_folder: Path) -> None:
    """In a sticky folder nobody but its owner can remove it."""
    require_root()
    open_folder.chmod(0o1777)
    left, path = open_folder / ".key.txt.0123456789abcdef.tmp", open_folder / "key.txt"
    left.write_bytes(b"x")
    subprocess.run([sys.executable, "-I", "-c", REPLACE_AS_STRANGER, path], check=True)
    assert left.read_bytes() == b"x"
    assert path.read_bytes() == b"new"
    assert owner(path) == (1234, 1234)


# A folder that is exchanged after the check


def linked(at: Path, other: Path) -> None:
    at.symlink_to(other)


def moved_there(at: Path, other: Path) -> None:
    other.rename(at)


def nothing(at: Path, other: Path) -> None:
    del at, other


@pytest.mark.parametrize("existing", [None, b"old"])
@pytest.mark.parametrize("exchange", [linked, moved_there, nothing])
def test_a_folder_that_took_the_place_of_the_checked_one_gets_nothing(
    folder: Path, path: Path, exchange: Callable[[Path, Path], None], existing: bytes | None
) -> None:
    """A user who may write to the grandparent chose where the key was written: 10 of 15 runs."""
    if existing is not None:
        path.write_bytes(existing)
    other, kept = folder.with_name("other"), folder.with_name("kept")
    other.mkdir()
    file = OwnerOnlyFile(path)
    file.check(10)
    folder.rename(kept)
    exchange(folder, other)
    for use in (file.remove_leftovers, lambda: file.replace(b"new"), file.read, file.concerns):
        with pytest.raises(FileRefusedError, match="was moved or replaced while this command ran"):
            use()
    there = folder if folder.exists() else other
    assert list(there.iterdir()) == []
    assert [each.read_bytes() for each in kept.iterdir()] == ([existing] if existing else [])


def test_a_folder_that_is_put_back_is_used(folder: Path, path: Path) -> None:
    file = OwnerOnlyFile(path)
    file.check(10)
    folder.rename(folder.with_name("kept"))
    folder.mkdir()
    with pytest.raises(FileRefusedError):
        file.replace(b"new")
    folder.rmdir()
    folder.with_name("kept").rename(folder)
    file.replace(b"new")
    assert path.read_bytes() == b"new"


def test_a_folder_that_is_exchanged_at_the_last_moment_gets_nothing(
    folder: Path, path: Path
) -> None:
    """Between the last look at the path and the rename: the key goes to the checked folder."""
    kept, other = folder.with_name("kept"), folder.with_name("other")
    other.mkdir()

    def exchange(descriptor: int) -> None:
        os.fsync(descriptor)
        if not kept.exists():
            folder.rename(kept)
            folder.symlink_to(other)

    file = OwnerOnlyFile(path, machine=Posix(exchange))
    file.replace(b"new")
    assert list(other.iterdir()) == []
    assert (kept / "key.txt").read_bytes() == b"new"
    with pytest.raises(FileRefusedError, match="moved or replaced"):
        file.read()


KILLED_AT_THE_SYNC = """
import os, signal, sys
from pathlib import Path
from signotaur_action.files.atomic import OwnerOnlyFile
from signotaur_action.machine.posix import Posix
machine = Posix(lambda _: os.kill(os.getpid(), signal.SIGKILL))
OwnerOnlyFile(Path(sys.argv[1]), machine=machine).replace(b"a key")
"""


def test_what_a_killed_run_leaves_is_what_remove_leftovers_finds(folder: Path, path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-I", "-c", KILLED_AT_THE_SYNC, path], check=False
    ).returncode
    assert killed == -signal.SIGKILL
    [left] = folder.iterdir()
    assert left.read_bytes() == b"a key"
    assert left.name != path.name
    OwnerOnlyFile(path).remove_leftovers()
    assert list(folder.iterdir()) == []


# Concerns


def test_a_sound_place_raises_no_concern(path: Path) -> None:
    assert OwnerOnlyFile(path).concerns() == []
    path.touch(0o600)
    assert OwnerOnlyFile(path).concerns() == []


def test_a_file_that_others_read_is_a_concern(path: Path) -> None:
    path.touch()
    path.chmod(0o640)
    (concern,) = OwnerOnlyFile(path).concerns()
    assert concern == (
        f"{path} is accessible to other users (mode 0640); the new file will be for its owner only "
        "(mode 0600)"
    )


@pytest.mark.parametrize(
    ("folder_mode", "who"),
    [
        (0o777, "every user"),
        (0o773, "every user"),
        (0o775, "members of group 4321"),
        (0o2775, "members of group 4321"),
        (0o1777, None),  # sticky: a file can be replaced by its owner alone
        (0o1775, None),
        (0o755, None),
        (0o700, None),
    ],
)
def test_a_folder_in_which_others_replace_files_is_a_concern(
    folder: Path, path: Path, folder_mode: int, who: str | None
) -> None:
    require_root()
    os.chown(folder, 0, 4321)
    folder.chmod(folder_mode)
    expected = [] if who is None else [f"{folder}: {who} can replace files in this folder"]
    assert OwnerOnlyFile(path).concerns() == expected


# A single mounted file


@pytest.fixture(params=["key.txt", "a key with blanks.txt", "back\\slash", "tab\tname", "ümläut"])
def mounted_path(request: pytest.FixtureRequest, folder: Path) -> Iterator[Path]:
    source = folder / "source"
    source.write_bytes(b"old-old-old\n")
    target = folder / "mounted"
    target.mkdir()
    target /= str(request.param)
    target.touch()
    with mounted_file(source, target):
        yield target


@pytest.mark.parametrize("content", [b"new\n", b"new-new-new\n", b"new " * 2000])
def test_a_mounted_file_is_written_in_place(mounted_path: Path, content: bytes) -> None:
    file = OwnerOnlyFile(mounted_path)
    file.check(len(content))
    assert mounted_path.read_bytes() == b"old-old-old\n"
    file.replace(content)
    assert mounted_path.read_bytes() == content
    assert (mounted_path.parents[1] / "source").read_bytes() == content
    assert mode(mounted_path) == 0o600
    assert [each.name for each in mounted_path.parent.iterdir()] == [mounted_path.name]


def test_a_mounted_file_is_known_as_one(folder: Path, path: Path) -> None:
    source = folder / "source"
    for each in (source, path):
        each.touch()
    with mounted_file(source, path):
        assert OwnerOnlyFile(path).is_mount_point()
        assert not OwnerOnlyFile(source).is_mount_point()
    assert not OwnerOnlyFile(path).is_mount_point()


@pytest.mark.parametrize("old", [b"old\n", b"", b"o" * 6000])
def test_a_mounted_file_on_a_full_disk_gets_its_old_bytes_back(folder: Path, old: bytes) -> None:
    target = folder / "mounted.txt"
    target.touch()
    disk = folder / "disk"
    with small_disk(disk):
        (disk / "source").write_bytes(old)
        fill(disk)
        with mounted_file(disk / "source", target):
            with pytest.raises(OSError, match="No space"):
                OwnerOnlyFile(target).replace(b"n" * 20_000)
            assert target.read_bytes() == old


def test_a_mounted_file_that_is_read_only_is_refused(folder: Path, path: Path) -> None:
    source = folder / "source"
    for each in (source, path):
        each.write_bytes(b"old")
    with mounted_file(source, path, "ro"):
        assert "read-only file system" in reason(OwnerOnlyFile(path))
        with pytest.raises(OSError, match="Read-only"):
            OwnerOnlyFile(path).replace(b"new")
        assert path.read_bytes() == b"old"


# Readers and kills


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """Name a file in memory where there is such a place: hundreds of syncs are slow on a disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of this test's own in it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name) / "key.txt"


def test_no_reader_ever_sees_a_part(quick_path: Path) -> None:
    path = quick_path
    contents = {bytes([letter]) * 20_000 for letter in b"ab"}
    path.write_bytes(b"a" * 20_000)
    seen: set[bytes] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    readers = [threading.Thread(target=watch) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(300):
        OwnerOnlyFile(path).replace(b"ab"[turn % 2 : turn % 2 + 1] * 20_000)
    stop.set()
    for reader in readers:
        reader.join()
    assert seen == contents


def killed(path: Path) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-I", KILLS, "replace", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, int] = json.loads(done.stdout)
    return seen


def test_a_kill_at_any_call_leaves_the_old_file_or_the_new_one(quick_path: Path) -> None:
    seen = killed(quick_path)
    assert set(seen) == {"old", "new", "leftovers", "readable leftovers", "left at last"}
    assert seen["old"] > 100
    assert seen["new"] > 2
    assert seen["leftovers"] > 2, "the kills never came between writing and renaming"
    assert seen["readable leftovers"] == 0
    assert seen["left at last"] == 0


def test_a_kill_at_any_call_leaves_a_mounted_file_whole(folder: Path) -> None:
    source, target = folder / "source", folder / "target" / "key.txt"
    target.parent.mkdir()
    for each in (source, target):
        each.touch()
    with mounted_file(source, target):
        seen = killed(target)
    assert set(seen) == {"old", "new", "padded", "leftovers", "readable leftovers", "left at last"}
    assert min(seen["old"], seen["new"], seen["padded"]) > 0
    assert seen["leftovers"] == 0


RANDOM_KILLS = """
import os, random, signal, sys, time
from pathlib import Path
from signotaur_action.files.atomic import OwnerOnlyFile
path = Path(sys.argv[1])
contents = [b"a" * 300_000, b"b" * 200_000]
path.write_bytes(contents[0])
changed = 0
for _ in range(120):
    before = path.read_bytes()
    child = os.fork()
    if child == 0:
        while True:
            for content in contents:
                OwnerOnlyFile(path).replace(content)
    time.sleep(random.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    after = path.read_bytes()
    if after not in contents:
        sys.exit(f"torn: {len(after)} bytes")
    changed += after != before
    OwnerOnlyFile(path).remove_leftovers()
    if os.listdir(path.parent) != [path.name]:
        sys.exit("leftovers stay")
print(changed)
"""


def test_a_kill_at_a_random_moment_leaves_the_old_file_or_the_new_one(
    quick_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", RANDOM_KILLS, quick_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "no kill came after a replacement"
