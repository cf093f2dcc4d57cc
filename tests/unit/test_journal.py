"""The journal: a lock and a memory that survive kills, and that nobody else can plant or read."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from signotaur_action.errors import BusyError, DestinationRefusedError
from signotaur_action.files.journal import JournalPlace, file_locked
from signotaur_action.files.journal.entry import belongs_to
from signotaur_action.model import JournalEntry, RotationIntent, Secret
from support.mounts import fill, read_only, require_root, small_disk

KILLS = Path(__file__).parents[1] / "support" / "kills.py"
SERVER = "https://signotaur.example.com"
OLD_KEY = Secret("an-old-key-of-the-vendor")
CANDIDATE = Secret("sig_a-candidate-key-012345")
OURS = (OLD_KEY, SERVER)


def entry(candidate: Secret | None = CANDIDATE, *, again: bool = False) -> JournalEntry:
    intent = RotationIntent(
        UUID("12345678-1234-4234-8234-123456789abc"),
        candidate,
        overlap_days=7,
        auto_revoke=False,
        again=again,
        holder="run 7 of https://ci",
    )
    return JournalEntry(SERVER, OLD_KEY.fingerprint(), intent)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".key.rotation"


@pytest.fixture
def place(path: Path) -> JournalPlace:
    return JournalPlace(path.with_name("key"))


# What is remembered


@pytest.mark.parametrize("again", [True, False])
def test_a_begun_rotation_is_found_by_the_next_run(place: JournalPlace, *, again: bool) -> None:
    with place.locked(*OURS) as journal:
        assert journal.entry is None
        journal.begin(entry(again=again))
        assert journal.entry == entry(again=again)
    assert place.exists(*OURS)
    with place.locked(*OURS) as journal:
        assert journal.entry == entry(again=again)
        assert journal.entry.candidate == CANDIDATE


def test_what_was_delivered_is_remembered(place: JournalPlace) -> None:
    with place.locked(*OURS) as journal:
        journal.begin(entry())
        journal.record_delivered("key file /a")
        journal.record_delivered("dotenv file /b (NAME)")
        journal.record_delivered("key file /a")
    with place.locked(*OURS) as journal:
        assert journal.entry is not None
        assert journal.entry.delivered == {"key file /a", "dotenv file /b (NAME)"}
        assert journal.entry.intent == entry().intent


def test_a_key_that_the_server_makes_is_remembered_when_it_comes(place: JournalPlace) -> None:
    with place.locked(*OURS) as journal:
        journal.begin(entry(None))
        assert journal.entry is not None
        assert journal.entry.candidate is None
        journal.record_key(CANDIDATE)
        assert journal.entry.candidate == CANDIDATE
    with place.locked(*OURS) as journal:
        assert journal.entry == entry()


def test_a_cleared_journal_is_removed(place: JournalPlace, path: Path) -> None:
    with place.locked(*OURS) as journal:
        journal.begin(entry())
        journal.clear()
        assert journal.entry is None
    assert not path.exists()
    assert not place.exists(*OURS)


def test_a_run_that_begins_nothing_leaves_no_file(place: JournalPlace, path: Path) -> None:
    with place.locked(*OURS):
        assert path.exists()
    assert not path.exists()


def test_beginning_again_forgets_what_was_before(place: JournalPlace) -> None:
    with place.locked(*OURS) as journal:
        journal.begin(entry())
        journal.record_delivered("a")
        journal.begin(entry(None))
    with place.locked(*OURS) as journal:
        assert journal.entry == entry(None)


def test_an_exception_keeps_what_was_begun(place: JournalPlace) -> None:
    def run() -> None:
        with place.locked(*OURS) as journal:
            journal.begin(entry())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()
    with place.locked(*OURS) as journal:
        assert journal.entry == entry()


@pytest.mark.parametrize("key", [OLD_KEY, CANDIDATE])
def test_an_entry_belongs_to_its_old_key_and_to_its_candidate(key: Secret) -> None:
    assert belongs_to(entry(), key, SERVER)


@pytest.mark.parametrize("candidate", [None, CANDIDATE])
def test_an_entry_belongs_to_no_other_key(candidate: Secret | None) -> None:
    assert not belongs_to(entry(candidate), Secret("some-other-key-000"), SERVER)


def test_the_old_key_is_not_in_the_file(place: JournalPlace, path: Path) -> None:
    with place.locked(*OURS) as journal:
        journal.begin(entry())
        content = path.read_text()
    assert OLD_KEY.reveal() not in content
    assert CANDIDATE.reveal() in content


# Cut short, damaged


def begun(place: JournalPlace, path: Path) -> bytes:
    with place.locked(*OURS) as journal:
        journal.begin(entry())
        journal.record_delivered("a")
    return path.read_bytes()


def test_a_record_cut_at_any_byte_is_one_that_was_never_made(
    place: JournalPlace, path: Path
) -> None:
    content = begun(place, path)
    first = content.index(b"\n") + 1
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with place.locked(*OURS) as journal:
            assert journal.entry == (None if length < first else entry())
            if journal.entry is not None:
                journal.record_delivered("b")
        if length >= first:
            with place.locked(*OURS) as journal:
                assert journal.entry is not None
                assert journal.entry.delivered == {"b"}


@pytest.mark.parametrize("size", [1, 4095, 4096])
def test_the_reserve_of_a_killed_run_is_not_damage(
    place: JournalPlace, path: Path, size: int
) -> None:
    path.write_bytes(b"\n" * size)
    with place.locked(*OURS) as journal:
        assert journal.entry is None
        journal.begin(entry())
    with place.locked(*OURS) as journal:
        assert journal.entry == entry()


@pytest.mark.parametrize(
    "content",
    [
        b"not JSON\n",
        b"[]\n",
        b"7\n",
        b"null\n",
        b"{}\n",
        b'{"delivered": "a"}\n',
        b"\xff\xfe\n",
        b"my own notes\nand more\n",
        json.dumps({"id": "no uuid", "server": "s", "oldKeySha256": "0"}).encode() + b"\n",
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(
    place: JournalPlace, path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(DestinationRefusedError) as caught, place.locked(*OURS):
        pass
    assert str(path) in caught.value.what
    assert "damaged" in caught.value.what
    assert "Move it to another folder" in caught.value.next
    assert path.read_bytes() == content


def test_a_damaged_record_behind_a_good_one_shows_no_key(place: JournalPlace, path: Path) -> None:
    content = begun(place, path)
    path.write_bytes(content + b"damage\n")
    with pytest.raises(DestinationRefusedError) as caught, place.locked(*OURS):
        pass
    said = caught.value.what + caught.value.keys + caught.value.next
    assert CANDIDATE.reveal()[:8] not in said
    assert path.read_bytes() == content + b"damage\n"


def test_a_kill_at_any_call_leaves_a_journal_that_the_next_run_reads() -> None:
    memory = Path("/dev/shm")  # noqa: S108 - a folder of this test's own in it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        done = subprocess.run(
            [sys.executable, "-I", KILLS, "journal", Path(name, "key")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen) == {"nothing", "begun", "delivered"}
    assert min(seen.values()) > 5


# The lock


HOLD = """
import sys
from pathlib import Path
from signotaur_action.files.journal import JournalPlace
from signotaur_action.model import Secret
key = Secret("an-old-key-of-the-vendor")
with JournalPlace(Path(sys.argv[1])).locked(key, "https://signotaur.example.com"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process that holds the journal's lock until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", HOLD, path.with_name("key")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with process:
        yield process


def test_a_second_process_finds_the_first_busy(
    place: JournalPlace, path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(BusyError) as caught, place.locked(*OURS):
        pass
    assert str(path) in caught.value.what
    assert holder.stdin is not None
    holder.stdin.close()
    holder.wait()
    with place.locked(*OURS) as journal:
        assert journal.entry is None


def test_a_killed_owner_lets_the_next_run_in(
    place: JournalPlace, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    with place.locked(*OURS) as journal:
        journal.begin(entry())


def test_a_run_in_this_process_is_busy_for_another(place: JournalPlace, path: Path) -> None:
    with place.locked(*OURS):
        done = subprocess.run(
            [sys.executable, "-I", "-c", HOLD, path.with_name("key")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "BusyError" in done.stderr
    assert "held" not in done.stdout


PAUSED_BEFORE_ITS_LOCK = """
import sys
def pause(_frame, event, function):
    if event == "c_call" and function.__name__ == "flock":
        sys.setprofile(None)
        print("opened", flush=True)
        sys.stdin.readline()
sys.setprofile(pause)
"""


def test_a_run_that_opened_a_file_which_is_removed_then_does_not_take_it_for_the_journal(
    place: JournalPlace, path: Path
) -> None:
    with place.locked(*OURS):
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", PAUSED_BEFORE_ITS_LOCK + HOLD, path.with_name("key")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "opened\n"
    with place.locked(*OURS) as journal:
        journal.begin(entry())
        out, err = process.communicate("go on\n")
    assert "held" not in out
    assert "BusyError" in err


def test_runs_that_come_and_go_never_share_the_journal(place: JournalPlace, path: Path) -> None:
    inside, worst, entered = 0, 0, 0
    guard = threading.Lock()

    def run() -> None:
        nonlocal inside, worst, entered
        for _ in range(40):
            try:
                with place.locked(*OURS) as journal:
                    with guard:
                        inside += 1
                        entered += 1
                        worst = max(worst, inside)
                    assert journal.entry is None
                    assert os.path.samestat(path.stat(), os.fstat(journal._descriptor))
                    with guard:
                        inside -= 1
            except BusyError:
                continue

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == 1
    assert entered > 4
    assert not path.exists()


# What is planted


def reason(place: JournalPlace) -> str:
    with pytest.raises(DestinationRefusedError) as caught, place.locked(*OURS):
        pass
    assert "--state-dir" in caught.value.next
    return caught.value.what


def test_a_symbolic_link_is_refused(place: JournalPlace, path: Path) -> None:
    target = path.with_name("target")
    for content in (None, b""):
        if content is not None:
            target.write_bytes(content)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        assert str(path) in reason(place)
    assert target.read_bytes() == b""


def test_a_hard_link_is_refused(place: JournalPlace, path: Path) -> None:
    other = path.with_name("other")
    other.touch()
    os.link(other, path)
    assert "not a plain file" in reason(place)
    assert other.read_bytes() == b""


@pytest.mark.timeout(5)
def test_a_pipe_is_refused(place: JournalPlace, path: Path) -> None:
    os.mkfifo(path)
    assert "not a plain file" in reason(place)


def test_a_folder_is_refused(place: JournalPlace, path: Path) -> None:
    path.mkdir()
    assert "is a directory" in reason(place)


def test_a_file_of_somebody_else_is_refused(place: JournalPlace, path: Path) -> None:
    require_root()
    path.touch()
    os.chown(path, 1234, 1234)
    assert "belongs to uid 1234" in reason(place)
    assert path.read_bytes() == b""


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_file_is_readable_by_its_owner_alone(
    place: JournalPlace, path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        with place.locked(*OURS) as journal:
            journal.begin(entry())
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_an_open_file_that_was_left_is_closed_to_others(place: JournalPlace, path: Path) -> None:
    path.touch()
    path.chmod(0o666)
    with place.locked(*OURS):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


# Places


def test_a_folder_for_journals_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home" / ".signotaur" / "rotations"
    place = JournalPlace(folders=[folder])
    before = os.umask(0)
    try:
        with place.locked(*OURS) as journal:
            journal.begin(entry())
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folder_of_a_file_is_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    assert "no such file or directory" in reason(JournalPlace(folder / "key"))
    assert not folder.exists()


def test_the_next_place_is_taken_where_the_first_cannot_be(tmp_path: Path) -> None:
    place = JournalPlace(tmp_path / "missing" / "key", [tmp_path / "second"])
    with place.locked(*OURS) as journal:
        assert journal.path.parent == tmp_path / "second"


def test_a_journal_that_was_left_at_a_later_place_is_found_first(tmp_path: Path) -> None:
    file, second = tmp_path / "key", tmp_path / "second"
    with JournalPlace(folders=[second]).locked(*OURS) as journal:
        journal.begin(entry())
    place = JournalPlace(file, [second])
    assert place.exists(*OURS)
    with place.locked(*OURS) as journal:
        assert journal.path.parent == second
        assert journal.entry == entry()
        with pytest.raises(BusyError), file_locked(file):
            pass
        journal.clear()
    assert list(tmp_path.iterdir()) == [second]
    assert list(second.iterdir()) == []


def test_no_place_at_all_tells_every_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    what = reason(JournalPlace(tmp_path / "missing" / "key", [tmp_path / "file"]))
    assert f"{tmp_path}/missing/.key.rotation (no such file or directory)" in what
    assert f"{tmp_path}/file/" in what
    assert "file exists" in what


def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with read_only(folder):
        assert "read-only file system" in reason(JournalPlace(folder / "key"))
        assert "read-only file system" in reason(JournalPlace(folders=[folder]))


# Disks


def test_a_full_disk_is_found_before_anything_is_begun(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        fill(disk)
        assert "no space left" in reason(JournalPlace(disk / "key"))
        assert "no space left" in reason(JournalPlace(folders=[disk]))


def test_there_is_room_for_all_records_once_the_journal_is_open() -> None:
    from_the_longest = JournalEntry(
        "https://" + "s" * 200,
        "0" * 64,
        RotationIntent(
            UUID(int=1), Secret("k" * 512), 30, auto_revoke=True, again=True, holder="h" * 200
        ),
    )
    with (
        tempfile.TemporaryDirectory() as name,
        JournalPlace(Path(name, "key")).locked(*OURS) as journal,
    ):
        journal.begin(from_the_longest)
        for number in range(5):
            journal.record_delivered(f"key file /{'f' * 250}{number}")
        assert journal.path.stat().st_size < 4096
        journal.clear()


def test_a_record_that_does_not_fit_leaves_the_ones_before(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        place = JournalPlace(disk / "key")
        with place.locked(*OURS) as journal:
            journal.begin(entry())
            fill(disk)
            size = (disk / ".key.rotation").stat().st_size
            with pytest.raises(OSError, match="No space"):
                journal.record_delivered("x" * 10_000)
            assert (disk / ".key.rotation").stat().st_size == size
            assert journal.entry == entry()
        with place.locked(*OURS) as journal:
            assert journal.entry == entry()
