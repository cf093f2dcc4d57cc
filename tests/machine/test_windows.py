"""What is special about Windows, decided above its system calls."""

import os
import stat
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("the doubles need POSIX", allow_module_level=True)

from machine.fake_calls import ADMINISTRATORS, INHERITED, STRANGER, USER, FakeCalls
from signotaur_action.errors import DestinationRefusedError
from signotaur_action.files.atomic import FileRefusedError, OwnerOnlyFile
from signotaur_action.files.journal import JournalPlace
from signotaur_action.machine.rights import are_kept, owner_only
from signotaur_action.machine.watchdog import Watchdog
from signotaur_action.machine.windows import LOCKED_BYTE, Windows
from signotaur_action.model import Secret

ALLOWED = f"(A;;FA;;;{USER})"
OURS = (Secret("an-old-key-of-the-vendor"), "https://server")


class Overdue(BaseException):
    """The process would end here."""


def ended(_: str) -> None:
    raise Overdue


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.txt"


@pytest.fixture
def file(calls: FakeCalls, path: Path) -> OwnerOnlyFile:
    return OwnerOnlyFile(path, machine=Windows(calls, sleep=lambda _: None))


def belongs_to(calls: FakeCalls, path: Path, owner: str) -> None:
    status = path.stat()
    calls.owners[status.st_dev, status.st_ino] = owner


# Lists of rights


def test_the_owner_alone_is_named_and_nothing_is_inherited() -> None:
    assert owner_only(USER) == f"O:{USER}D:P{ALLOWED}"


@pytest.mark.parametrize(
    "found",
    [f"D:P{ALLOWED}", f"D:PAI{ALLOWED}", f"O:{USER}D:{ALLOWED}", f"D:(A;;FA;;;SY){ALLOWED}"],
)
def test_rights_that_are_kept(found: str) -> None:
    assert are_kept(found, f"D:P{ALLOWED}")


@pytest.mark.parametrize(
    "found",
    [
        "",
        "D:",
        "D:NO_ACCESS_CONTROL",
        INHERITED,
        "D:P(A;;FA;;;SY)",
        f"D:P{ALLOWED}(A;;FR;;;BU)",
        f"D:P{ALLOWED}(A;;FA;;;BA)",
        f"D:AI{ALLOWED}(A;ID;FR;;;WD)",
        f"D:P(A;;FR;;;{USER})",
        f"D:P(D;;FA;;;{USER})",
        f"D:P(A;;FA;;;{STRANGER})",
    ],
)
def test_rights_that_are_not_kept(found: str) -> None:
    assert not are_kept(found, f"D:P{ALLOWED}")


def test_rights_that_could_not_be_read_are_not_kept() -> None:
    assert not are_kept("D:", "D:")


# Key files


def test_a_file_system_without_rights_gets_no_key(path: Path) -> None:
    file = OwnerOnlyFile(path, machine=Windows(FakeCalls(keeps_rights=False)))
    with pytest.raises(FileRefusedError, match="does not store file permissions"):
        file.check(10)
    with pytest.raises(OSError, match="does not store file permissions"):
        file.replace(b"secret")
    assert list(path.parent.iterdir()) == []


def test_a_file_system_without_rights_gets_no_journal(path: Path) -> None:
    place = JournalPlace(path, machine=Windows(FakeCalls(keeps_rights=False)))
    with (
        pytest.raises(DestinationRefusedError, match="does not store file permissions"),
        place.locked(*OURS),
    ):
        pass
    assert [each.read_bytes() for each in path.parent.iterdir()] in ([], [b""])


def test_a_file_that_is_kept_open_is_found_by_the_check(
    calls: FakeCalls, file: OwnerOnlyFile, path: Path
) -> None:
    path.write_bytes(b"old")
    reader = calls.open(path, os.O_RDONLY, "", new=False)
    with pytest.raises(FileRefusedError, match="another program has it open"):
        file.check(10)
    os.close(reader)
    file.check(10)


def test_a_file_that_stays_open_keeps_the_old_content(
    calls: FakeCalls, file: OwnerOnlyFile, path: Path
) -> None:
    path.write_bytes(b"old")
    reader = calls.open(path, os.O_RDONLY, "", new=False)
    with pytest.raises(PermissionError, match="another program has it open"):
        file.replace(b"new")
    os.close(reader)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_that_leaves_soon_is_waited_for(calls: FakeCalls, path: Path) -> None:
    path.write_bytes(b"old")
    readers = [calls.open(path, os.O_RDONLY, "", new=False) for _ in range(3)]
    waits: list[float] = []

    def leave(seconds: float) -> None:
        waits.append(seconds)
        os.close(readers.pop())

    OwnerOnlyFile(path, machine=Windows(calls, sleep=leave)).replace(b"new")
    assert path.read_bytes() == b"new"
    assert waits == [0.1] * 3


def test_a_read_only_file_is_refused(file: OwnerOnlyFile, path: Path) -> None:
    path.write_bytes(b"old")
    path.chmod(stat.S_IRUSR)
    with pytest.raises(FileRefusedError, match="it is read-only"):
        file.check(10)


def test_a_file_of_somebody_else_is_refused(
    calls: FakeCalls, file: OwnerOnlyFile, path: Path
) -> None:
    path.write_bytes(b"old")
    belongs_to(calls, path, STRANGER)
    with pytest.raises(FileRefusedError, match=f"it belongs to {STRANGER}"):
        file.check(10)


def test_a_file_that_an_administrator_made_is_his(
    calls: FakeCalls, file: OwnerOnlyFile, path: Path
) -> None:
    """Windows gives what an administrator makes to all of them."""
    path.write_bytes(b"old")
    belongs_to(calls, path, ADMINISTRATORS)
    file.check(10)
    file.replace(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_mode_is_ignored(file: OwnerOnlyFile, path: Path) -> None:
    path.write_bytes(b"old")
    path.chmod(0o666)
    path.parent.chmod(0o777)
    assert file.concerns() == []


# The journal


def test_a_journal_of_somebody_else_is_refused(calls: FakeCalls, path: Path) -> None:
    journal = path.with_name(".key.txt.rotation")
    journal.touch()
    belongs_to(calls, journal, STRANGER)
    place = JournalPlace(path, machine=Windows(calls))
    refused = pytest.raises(DestinationRefusedError, match=f"belongs to {STRANGER}".lower())
    with refused, place.locked(*OURS):
        pass
    assert journal.read_bytes() == b""


def test_the_lock_is_beyond_the_largest_possible_file(calls: FakeCalls, path: Path) -> None:
    with JournalPlace(path, machine=Windows(calls)).locked(*OURS):
        assert calls.locks == [LOCKED_BYTE]
    assert 2**60 < LOCKED_BYTE < 2**63, "a larger one is negative to Windows"


# A process that is late


@pytest.mark.parametrize("late", [False, True])
def test_a_late_process_writes_nothing(calls: FakeCalls, path: Path, *, late: bool) -> None:
    now = [0.0]
    watchdog = Watchdog(ended, lambda: now[0])
    machine = Windows(calls, watchdog)
    path.write_bytes(b"old")
    machine.start_watchdog(100, "")
    now[0] = 101.0 if late else 99.0
    file = OwnerOnlyFile(path, machine=machine)
    if late:
        with pytest.raises(Overdue):
            file.replace(b"new")
        with pytest.raises(Overdue):
            machine.write_at(-1, b"new", 0)
    else:
        file.replace(b"new")
    assert path.read_bytes() == (b"old" if late else b"new")
    machine.end_watchdog()
    file.replace(b"newer")
    assert path.read_bytes() == b"newer"


def test_a_process_that_is_late_at_the_last_step_leaves_the_old_file(
    calls: FakeCalls, path: Path
) -> None:
    path.write_bytes(b"old")
    times = iter([0.0, 1.0, 101.0])  # started, made, about to be moved
    machine = Windows(calls, Watchdog(ended, lambda: next(times)))
    machine.start_watchdog(100, "")
    with pytest.raises(Overdue):
        OwnerOnlyFile(path, machine=machine).replace(b"new")
    machine.end_watchdog()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
