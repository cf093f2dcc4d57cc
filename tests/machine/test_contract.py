"""What every machine owes: one suite over this one, with its real system calls, and over Windows.

It runs on Windows too, where `here` is the real one: `python -m pytest tests/machine`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from uuid import UUID

import pytest

from machine.places import PLACES, MachineUnderTest
from signotaur_action.errors import BusyError, DestinationRefusedError
from signotaur_action.files.atomic import FileRefusedError, OwnerOnlyFile
from signotaur_action.files.journal import JournalPlace
from signotaur_action.machine import Limits
from signotaur_action.model import JournalEntry, RotationIntent, Secret

BYTES = b"line\nline\r\n\x1a\x00\xffend\n"
"""A text mode of the system would change these: line ends, and what ends a file on Windows."""
OURS = (Secret("an-old-key-of-the-vendor"), "https://server")
ENTRY = JournalEntry(
    "https://server",
    OURS[0].fingerprint(),
    RotationIntent(
        UUID(int=7), Secret("sig_candidate-012"), 7, auto_revoke=True, again=False, holder="h"
    ),
)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> MachineUnderTest:
    return PLACES[request.param]()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.txt"


@pytest.fixture
def descriptor(place: MachineUnderTest, path: Path) -> Iterator[int]:
    descriptor = place.machine.open_private(path)
    place.machine.claim(descriptor)
    yield descriptor
    os.close(descriptor)


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this user may make no links")
    if not path.is_symlink():
        pytest.skip("links that are made here are none")


# Private files


def test_a_file_is_private_before_it_has_content(place: MachineUnderTest, tmp_path: Path) -> None:
    with closing(place.machine.folder(tmp_path)) as folder:
        descriptor = folder.create("new")
        place.machine.set_owner(descriptor, tmp_path.stat())
        os.close(descriptor)
    assert (tmp_path / "new").read_bytes() == b""
    assert place.is_private(tmp_path / "new")


def test_a_file_that_is_there_is_not_made(place: MachineUnderTest, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"old")
    with closing(place.machine.folder(tmp_path)) as folder, pytest.raises(FileExistsError):
        folder.create("new")
    assert (tmp_path / "new").read_bytes() == b"old"


def test_an_open_file_that_others_could_use_is_closed_to_them(
    place: MachineUnderTest, path: Path
) -> None:
    path.write_bytes(b"old")
    path.chmod(0o666)
    descriptor = place.machine.open_private(path)
    place.machine.claim(descriptor)
    os.close(descriptor)
    assert place.is_private(path)
    assert path.read_bytes() == b"old"


def test_a_link_is_not_followed(place: MachineUnderTest, path: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    link(path, target)
    with pytest.raises(OSError, match=r"link|plain file|not found"):
        place.machine.folder(tmp_path).open(path.name, os.O_RDWR)
    with pytest.raises((FileRefusedError, OSError)):
        OwnerOnlyFile(path, machine=place.machine).replace(b"new")
    link(path.with_name(".key.txt.rotation"), target)
    with (
        pytest.raises(DestinationRefusedError),
        JournalPlace(path, machine=place.machine).locked(*OURS),
    ):
        pass
    assert target.read_bytes() == b"old"


def test_a_missing_file_is_not_made_by_opening_it(place: MachineUnderTest, path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        place.machine.folder(path.parent).open(path.name, os.O_RDONLY)
    assert not path.exists()


# Content


def test_every_byte_is_written_and_read_where_it_belongs(
    place: MachineUnderTest, descriptor: int
) -> None:
    machine = place.machine
    assert machine.write_at(descriptor, BYTES, 0) == len(BYTES)
    assert machine.write_at(descriptor, b"XY", 5) == 2
    machine.sync(descriptor)
    expected = BYTES[:5] + b"XY" + BYTES[7:]
    assert machine.read_at(descriptor, 100, 0) == expected
    assert machine.read_at(descriptor, 2, 5) == b"XY"
    assert machine.read_at(descriptor, 2, 100) == b""


def test_a_file_is_replaced_whole_and_read_back(place: MachineUnderTest, path: Path) -> None:
    file = OwnerOnlyFile(path, machine=place.machine)
    assert file.read() is None
    for content in (BYTES, b"", b"long " * 50_000):
        file.check(len(content))
        file.replace(content)
        assert file.read() == path.read_bytes() == content
        assert place.is_private(path)
        assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_copy_takes_a_files_place(place: MachineUnderTest, path: Path) -> None:
    path.write_bytes(b"unsigned")
    copy = path.with_name("copy")
    copy.write_bytes(b"signed")
    place.machine.publish_copy(copy, path)
    assert path.read_bytes() == b"signed"
    assert not copy.exists()


def test_an_invalid_folder_is_refused(place: MachineUnderTest, path: Path) -> None:
    path.write_bytes(b"a file")
    with pytest.raises(FileRefusedError, match="not a folder"):
        OwnerOnlyFile(path / "key.txt", machine=place.machine).check(1)
    with pytest.raises(FileRefusedError, match="does not exist"):
        OwnerOnlyFile(path.with_name("none") / "key.txt", machine=place.machine).check(1)


def test_a_folder_stays_the_one_that_was_opened(place: MachineUnderTest, tmp_path: Path) -> None:
    at = tmp_path / "folder"
    at.mkdir()
    (at / "file").write_bytes(b"old")
    with closing(place.machine.folder(at)) as folder:
        assert folder.is_at(at)
        assert folder.names() == ["file"]
        assert folder.status_of("file").st_size == 3
        assert os.path.samestat(folder.status(), at.stat())
        at.rename(tmp_path / "moved")
        assert not folder.is_at(at)
        at.mkdir()
        assert not folder.is_at(at)
        with suppress(OSError):  # by a descriptor it works, by a path it is refused
            os.close(folder.create("new"))
        with suppress(OSError):
            folder.publish("file", "final")
        assert list(at.iterdir()) == []


# Locks


def test_one_descriptor_at_a_time_has_the_lock(
    place: MachineUnderTest, path: Path, descriptor: int
) -> None:
    machine = place.machine
    machine.lock(descriptor)
    second = machine.open_private(path)
    with pytest.raises(BlockingIOError):
        machine.lock(second)
    assert machine.write_at(descriptor, b"more", 0) == 4, "its holder can write below the lock"
    os.close(second)


def test_a_lock_ends_with_its_descriptor(place: MachineUnderTest, path: Path) -> None:
    first, second = place.machine.open_private(path), place.machine.open_private(path)
    place.machine.lock(first)
    os.close(first)
    place.machine.lock(second)
    os.close(second)


HOLD = """
import sys
from pathlib import Path
from signotaur_action.machine import MACHINE
MACHINE.lock(MACHINE.open_private(Path(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_dies_with_its_process(path: Path) -> None:
    machine = PLACES["here"]().machine
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == b"held"
    descriptor = machine.open_private(path)
    with pytest.raises(BlockingIOError):
        machine.lock(descriptor)
    holder.kill()
    holder.communicate()
    machine.lock(descriptor)
    os.close(descriptor)


def test_what_is_taken_back_leaves_nothing(
    place: MachineUnderTest, path: Path, descriptor: int
) -> None:
    place.machine.write_at(descriptor, b"\n" * 100, 0)
    place.machine.take_back(path, descriptor)
    assert not path.exists() or path.stat().st_size == 0


def test_a_file_that_is_discarded_is_closed_and_gone(place: MachineUnderTest, path: Path) -> None:
    descriptor = place.machine.open_private(path)
    place.machine.lock(descriptor)
    place.machine.release(path, descriptor)
    assert not path.exists()
    with pytest.raises(OSError, match=r"[Bb]ad file|[Hh]andle"):
        os.fstat(descriptor)


# The journal


def test_a_rotation_is_remembered_and_forgotten(place: MachineUnderTest, path: Path) -> None:
    where = JournalPlace(path, machine=place.machine)
    with where.locked(*OURS) as journal:
        journal.begin(ENTRY)
        assert place.is_private(journal.path)
        assert where.exists(*OURS), "a live run's journal can be read"
        with pytest.raises(BusyError), where.locked(*OURS):
            pass
    with where.locked(*OURS) as journal:
        assert journal.entry == ENTRY
        journal.record_delivered("a")
        assert journal.entry.delivered == {"a"}
        journal.clear()
    assert list(path.parent.iterdir()) == []


def test_keys_that_share_a_folder_have_journals_of_their_own(
    place: MachineUnderTest, path: Path
) -> None:
    where = JournalPlace(folders=[path.parent], machine=place.machine)
    other = (Secret("another-key-of-the-vendor"), OURS[1])
    with where.locked(*OURS) as journal:
        journal.begin(ENTRY)
        with where.locked(*other) as others:
            assert others.entry is None
    with where.locked(*OURS) as journal:
        assert journal.entry == ENTRY


# The process


def test_a_program_and_what_it_started_is_ended(place: MachineUnderTest, path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", str(path)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    for _ in range(2):  # the second time it has ended already
        place.machine.end_program(program)
    assert program.wait(60) != 0
    program.communicate()


def test_a_program_with_limits_gets_its_arguments_and_returns_its_code(
    place: MachineUnderTest,
) -> None:
    limits = Limits(cpu_seconds=60, memory=4 << 30, file_size=1 << 20, open_files=64)
    arguments = ["a b", "", "'\"$HOME`;", "*", "-x"]
    code = "import sys; print(ascii(sys.argv[1:])); sys.exit(7)"
    command = place.machine.limited([sys.executable, "-I", "-c", code, *arguments], limits)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (7, ascii(arguments))


def test_a_process_that_is_not_pid_1_runs_itself(place: MachineUnderTest) -> None:
    assert place.machine.code_of_child_of_pid_1("") is None
