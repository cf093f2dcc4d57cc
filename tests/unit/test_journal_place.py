"""Several keys in one folder: each run finds its own journal, and no other one stops it."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from signotaur_action.errors import BusyError, DestinationRefusedError
from signotaur_action.files.journal import JournalPlace, file_locked
from signotaur_action.files.journal.entry import belongs_to, canonical_server
from signotaur_action.model import JournalEntry, RotationIntent, Secret
from support.mounts import require_root

SERVER = "https://signotaur.example.com"
OLD_KEY = Secret("an-old-key-of-the-vendor")
CANDIDATE = Secret("sig_a-candidate-key-012345")
OTHER_KEY = Secret("some-other-key-000000000")
STRANGER = 4321


def entry(
    old: Secret = OLD_KEY, candidate: Secret | None = CANDIDATE, server: str = SERVER
) -> JournalEntry:
    intent = RotationIntent(uuid4(), candidate, 7, auto_revoke=True, again=False, holder="h")
    return JournalEntry(server, old.fingerprint(), intent)


def begin(place: JournalPlace, begun: JournalEntry, key: Secret = OLD_KEY) -> Path:
    """Leave a journal behind, as a run that was cut does."""
    with place.locked(key, begun.server) as journal:
        journal.begin(begun)
        return journal.path


def found(place: JournalPlace, key: Secret, server: str = SERVER) -> JournalEntry | None:
    with place.locked(key, server) as journal:
        return journal.entry


PLACES: dict[str, Callable[[Path], JournalPlace]] = {
    "beside a file": lambda folder: JournalPlace(folder / "key.txt"),
    "in a folder": lambda folder: JournalPlace(folders=[folder]),
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    return PLACES[request.param](tmp_path)


@pytest.fixture
def shared(tmp_path: Path) -> JournalPlace:
    return JournalPlace(folders=[tmp_path])


# Whose a journal is


def test_each_key_finds_its_own_journal(place: JournalPlace, tmp_path: Path) -> None:
    """Before, the first journal in a folder stopped the rotation of every other key."""
    keys = [Secret(f"a-key-of-the-vendor-{number}") for number in range(5)]
    begun = [entry(key, Secret(f"a-candidate-{number}")) for number, key in enumerate(keys)]
    for key, each in zip(keys, begun, strict=True):
        assert not place.exists(key, SERVER)
        begin(place, each, key)
    assert len(list(tmp_path.iterdir())) == 5
    for key, each in reversed(list(zip(keys, begun, strict=True))):
        assert found(place, key) == each
        assert each.candidate is not None
        assert found(place, each.candidate) == each
    assert found(place, OTHER_KEY) is None
    assert len(list(tmp_path.iterdir())) == 5


def test_a_run_that_was_started_with_the_candidate_empties_the_same_journal(
    place: JournalPlace, tmp_path: Path
) -> None:
    path = begin(place, entry())
    with place.locked(CANDIDATE, SERVER) as journal:
        assert journal.path == path
        journal.record_delivered("a")
        journal.clear()
    assert list(tmp_path.iterdir()) == []


def test_one_key_text_on_two_servers_has_two_journals(place: JournalPlace) -> None:
    elsewhere = "https://elsewhere.example.com"
    here, there = entry(), entry(candidate=Secret("sig_another-candidate"), server=elsewhere)
    begin(place, here)
    assert found(place, OLD_KEY, elsewhere) is None
    begin(place, there)
    assert found(place, OLD_KEY) == here
    assert found(place, OLD_KEY, elsewhere) == there


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://keys.example.com", "https://keys.example.com/"),
        ("https://keys.example.com", "HTTPS://Keys.Example.COM"),
        ("https://keys.example.com", "https://keys.example.com:443"),
        ("https://keys.example.com/a", "https://keys.example.com:443/a/"),
        ("http://localhost", "http://LOCALHOST:80/"),
        ("https://[::1]:8443", "https://[::1]:8443/"),
    ],
)
def test_one_server_in_two_spellings_has_one_journal(
    place: JournalPlace, tmp_path: Path, one: str, other: str
) -> None:
    begun = entry(server=one)
    begin(place, begun)
    assert place.exists(OLD_KEY, other)
    with place.locked(OLD_KEY, other) as journal:
        assert journal.entry == begun
        assert len(list(tmp_path.iterdir())) == 1, "its own name is the same, too"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://keys.example.com", "http://keys.example.com"),
        ("https://keys.example.com", "https://keys.example.com:8443"),
        ("https://keys.example.com/a", "https://keys.example.com/A"),
        ("https://keys.example.com", "https://keys.example.com.evil.example"),
    ],
)
def test_two_servers_are_not_one(one: str, other: str) -> None:
    assert canonical_server(one) != canonical_server(other)


@pytest.mark.parametrize("odd", ["", "fake://keys", "https://[", "https://a:b"])
def test_an_odd_address_is_compared_as_it_is(odd: str) -> None:
    assert belongs_to(entry(server=odd), OLD_KEY, odd)
    assert not belongs_to(entry(server=odd), OLD_KEY, SERVER)


# Journals of the version before


def old_name(*identity: str) -> str:
    """Return the name that the version before gave to a journal, whatever its key was."""
    whole = "\n".join(identity)
    return f"{hashlib.sha256(whole.encode()).hexdigest()[:16]}.rotation"


def left_by_the_version_before(folder: Path, begun: JournalEntry) -> Path:
    path = folder / old_name(SERVER, "variable SIGNOTAUR_API_KEY", "stdout")
    record = {
        "id": str(begun.intent.id),
        "server": begun.server,
        "oldKeySha256": begun.old_key_fingerprint,
        "key": begun.candidate.reveal() if begun.candidate else None,
        "overlapDays": 7,
        "autoRevoke": True,
        "again": False,
        "holder": "h",
    }
    path.write_text(json.dumps(record) + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("key", [OLD_KEY, CANDIDATE])
def test_a_journal_under_its_old_name_is_finished(
    shared: JournalPlace, tmp_path: Path, key: Secret
) -> None:
    begun = entry()
    path = left_by_the_version_before(tmp_path, begun)
    assert shared.exists(key, SERVER)
    with shared.locked(key, SERVER) as journal:
        assert (journal.path, journal.entry) == (path, begun)
        journal.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_of_another_key_under_its_old_name_stops_nobody(
    shared: JournalPlace, tmp_path: Path
) -> None:
    path = left_by_the_version_before(tmp_path, entry())
    before = path.read_bytes()
    begin(shared, entry(OTHER_KEY, None), OTHER_KEY)
    assert path.read_bytes() == before


# Beside one file


def test_the_usual_name_is_taken_when_it_is_free(tmp_path: Path) -> None:
    place = JournalPlace(tmp_path / "key.txt")
    assert begin(place, entry()) == tmp_path / ".key.txt.rotation"
    second = begin(place, entry(OTHER_KEY, None), OTHER_KEY)
    assert second.name.startswith(".key.txt.")
    with place.locked(OLD_KEY, SERVER) as journal:
        journal.clear()
    assert found(place, OTHER_KEY) == entry_at(second)
    assert list(tmp_path.iterdir()) == [second]


def entry_at(path: Path) -> JournalEntry:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    begun = entry(OTHER_KEY, None)
    intent = RotationIntent(
        UUID(records[0]["id"]), None, 7, auto_revoke=True, again=False, holder="h"
    )
    return JournalEntry(begun.server, begun.old_key_fingerprint, intent)


def test_foreign_journals_beside_the_file_are_reported(tmp_path: Path) -> None:
    place = JournalPlace(tmp_path / "key.txt")
    first = begin(place, entry())
    second = begin(place, entry(OTHER_KEY, None), OTHER_KEY)
    (tmp_path / ".key.txt.old.rotation").write_bytes(first.read_bytes())  # of "key.txt.old"
    assert place.of_others(OLD_KEY, SERVER) == [second]
    assert place.of_others(OTHER_KEY, SERVER) == [first]
    assert set(place.of_others(OLD_KEY, "https://elsewhere")) == {first, second}
    assert JournalPlace(folders=[tmp_path]).of_others(OLD_KEY, SERVER) == []


def test_a_file_that_is_being_written_is_locked_for_every_key(tmp_path: Path) -> None:
    """Two variables of one dotenv file, or a rotation and a person who stores a key."""
    place = JournalPlace(tmp_path / "key.txt")
    with place.locked(OLD_KEY, SERVER):
        with pytest.raises(BusyError), place.locked(OTHER_KEY, SERVER):
            pass
        with pytest.raises(BusyError), file_locked(tmp_path / "key.txt"):
            pass
    with file_locked(tmp_path / "key.txt") as journals:
        assert journals == []
        with pytest.raises(BusyError), place.locked(OLD_KEY, SERVER):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_tells_the_journals_and_leaves_them(tmp_path: Path) -> None:
    place = JournalPlace(tmp_path / "key.txt")
    paths = {begin(place, entry()), begin(place, entry(OTHER_KEY, None), OTHER_KEY)}
    with file_locked(tmp_path / "key.txt") as journals:
        assert {path for path, _entry in journals} == paths
    assert set(tmp_path.iterdir()) == paths


def test_a_file_that_cannot_be_locked_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".key.txt.rotation").mkdir()
    with (
        pytest.raises(DestinationRefusedError, match="is a directory"),
        file_locked(tmp_path / "key.txt"),
    ):
        pass


# Locks in a shared folder


def test_two_keys_in_one_folder_do_not_wait_for_each_other(shared: JournalPlace) -> None:
    with ExitStack() as stack:
        for number in range(4):
            stack.enter_context(shared.locked(Secret(f"a-key-of-the-vendor-{number}"), SERVER))


@pytest.mark.parametrize("begun", [False, True])
def test_two_runs_for_one_key_exclude_each_other(shared: JournalPlace, *, begun: bool) -> None:
    with shared.locked(OLD_KEY, SERVER) as journal:
        if begun:
            journal.begin(entry())
        with pytest.raises(BusyError), shared.locked(OLD_KEY, f"{SERVER}:443/"):
            pass


@pytest.mark.parametrize(("first", "second"), [(OLD_KEY, CANDIDATE), (CANDIDATE, OLD_KEY)])
def test_a_run_for_the_old_key_and_one_for_the_candidate_exclude_each_other(
    shared: JournalPlace, first: Secret, second: Secret
) -> None:
    begin(shared, entry())
    with shared.locked(first, SERVER), pytest.raises(BusyError), shared.locked(second, SERVER):
        pass


def test_a_run_keeps_its_key_locked_when_it_empties_a_journal_that_others_do_not_find(
    shared: JournalPlace, tmp_path: Path
) -> None:
    """The journal found by its candidate is over; before another is begun, nobody may come in."""
    begin(shared, entry())
    with shared.locked(CANDIDATE, SERVER) as journal:
        journal.clear()
        with pytest.raises(BusyError), shared.locked(CANDIDATE, SERVER):
            pass
        journal.begin(entry(CANDIDATE, OTHER_KEY))
    begun = found(shared, CANDIDATE)
    assert begun is not None
    assert begun.candidate == OTHER_KEY
    begin(shared, entry())  # where the key's own file holds its successor's journal
    assert found(shared, CANDIDATE) == begun
    assert len(list(tmp_path.iterdir())) == 2


def test_the_rotation_of_a_key_comes_before_the_one_that_made_it(
    shared: JournalPlace, tmp_path: Path
) -> None:
    made, of_it = entry(), entry(CANDIDATE, OTHER_KEY)
    begin(shared, made)
    path = left_by_the_version_before(tmp_path, of_it)
    for _ in range(2):
        assert found(shared, CANDIDATE) == of_it
        path = path.rename(tmp_path / f"{'f' * 16}.rotation")  # whatever the order of names


def test_runs_for_several_keys_that_come_and_go_never_share_a_journal(place: JournalPlace) -> None:
    """A run that gets a journal gets one of its own key, whole, or an empty one."""
    keys = [Secret(f"a-key-of-the-vendor-{number}") for number in range(3)]
    wrong: list[str] = []
    done = 0
    guard = threading.Lock()

    def run(key: Secret, other: Secret) -> None:
        nonlocal done
        for _ in range(10):
            try:
                with place.locked(key, SERVER) as journal:
                    if journal.entry is not None and not belongs_to(journal.entry, key, SERVER):
                        wrong.append("another key's journal")
                    if journal.entry is None:
                        journal.begin(entry(key, other))
                    else:
                        journal.clear()
                    if not os.path.samestat(journal.path.stat(), os.fstat(journal._descriptor)):
                        wrong.append("a file that is not there any more")
                    with guard:
                        done += 1
            except BusyError:
                continue

    threads = [
        threading.Thread(target=run, args=(key, Secret(f"candidate-{number % 3}-of-it")))
        for number, key in enumerate([*keys, *keys])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert done >= 3


# What is planted, or tells something


def test_the_name_contains_nothing_of_the_key(shared: JournalPlace) -> None:
    key = Secret("weak-key-weak-key")
    with shared.locked(key, SERVER) as journal:
        name = journal.path.stem
    assert key.reveal() not in name
    assert not hashlib.sha256(key.reveal().encode()).hexdigest().startswith(name[:8])
    assert not key.fingerprint().startswith(name[:8])
    with shared.locked(key, "https://elsewhere.example.com") as journal:
        assert journal.path.stem != name


def planted_for(begun: JournalEntry, folder: Path, kind: str) -> Path:
    path = left_by_the_version_before(folder, begun)
    if kind == "owner":
        os.chown(path, STRANGER, STRANGER)
    if kind == "hard link":
        os.link(path, folder / "other")
    if kind == "symbolic link":
        path.rename(folder / "other")
        path.symlink_to(folder / "other")
    return path


@pytest.mark.parametrize("kind", ["owner", "hard link", "symbolic link"])
def test_a_journal_that_somebody_planted_is_not_used(
    shared: JournalPlace, tmp_path: Path, kind: str
) -> None:
    require_root()
    path = planted_for(entry(), tmp_path, kind)
    before = path.read_bytes()
    with shared.locked(OLD_KEY, SERVER) as journal:
        assert journal.entry is None
        assert journal.path != path
        journal.begin(entry(candidate=OTHER_KEY))
    assert path.read_bytes() == before
    begun = found(shared, OLD_KEY)
    assert begun is not None
    assert begun.candidate == OTHER_KEY


@pytest.mark.timeout(20)
@pytest.mark.parametrize("content", [b"[" * 60_000, b"{}\n", b"\xff\n", b"x" * 100_000, b"\n" * 99])
def test_a_file_that_is_not_a_journal_stops_no_run(
    shared: JournalPlace, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / f"{'0' * 16}.rotation").write_bytes(content)
    (tmp_path / f"{'1' * 16}.rotation").mkdir()
    os.mkfifo(tmp_path / f"{'2' * 16}.rotation")
    (tmp_path / f"{'3' * 16}.rotation").symlink_to("/dev/zero")
    assert not shared.exists(OLD_KEY, SERVER)
    assert found(shared, OLD_KEY) is None
    assert len(list(tmp_path.iterdir())) == 4


LOCK = """
import fcntl, os, sys
os.setgid(4321)
os.setuid(4321)
file = open(sys.argv[1], "r+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_that_somebody_else_made_and_locked_is_refused_and_not_waited_for() -> None:
    """Exit code 14 would send a person to look for a run that does not exist."""
    require_root()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o1777)
        place = JournalPlace(folders=[Path(name)])
        with place.locked(OLD_KEY, SERVER) as journal:
            path = journal.path
        path.touch()
        os.chown(path, STRANGER, STRANGER)
        holder = subprocess.Popen(
            [sys.executable, "-I", "-c", LOCK, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            refused = pytest.raises(DestinationRefusedError, match=f"belongs to uid {STRANGER}")
            with refused, place.locked(OLD_KEY, SERVER):
                pass
            holder.kill()


# The folder


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o700, None),
        (0o755, None),
        (0o1777, None),
        (0o777, "every user can replace files"),
        (0o775, "members of group 0 can replace files"),
    ],
)
def test_a_folder_that_others_write_is_a_concern(
    tmp_path: Path, mode: int, said: str | None
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    place = JournalPlace(tmp_path / "none" / "key.txt", [folder])
    with place.locked(OLD_KEY, SERVER) as journal:
        concerns = place.concerns(journal)
        assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert len(concerns) == (said is not None)
    assert said is None or said in concerns[0]


def test_of_the_files_folder_its_destination_tells(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    place = JournalPlace(tmp_path / "key.txt")
    with place.locked(OLD_KEY, SERVER) as journal:
        assert place.concerns(journal) == []
