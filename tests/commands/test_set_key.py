"""``auth set-key`` with real files, a real terminal and the real key server."""

import os
import pty
import stat
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from signotaur_action.files.journal import JournalPlace
from signotaur_action.model import JournalEntry, RotationIntent, Secret
from support.client import BARE, CLIENT, Finished
from support.keyserver import KeyServer

VENDOR_KEY = "vendor+key/of=another.server~123"


def set_key(*options: str | Path, stdin: str = "", **env: str) -> Finished:
    done = subprocess.run(
        [*CLIENT, "auth", "set-key", *map(str, options)],
        env={**BARE, **env},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("option", ["--from-stdin", "--fs"])
def test_a_key_from_stdin_is_stored_for_its_owner_alone(tmp_path: Path, option: str) -> None:
    path = tmp_path / "api_key.txt"
    done = set_key(option, "--write-key-file", path, stdin=f"{VENDOR_KEY}\r\n")
    assert done.code == 0, done.err
    assert path.read_text() == f"{VENDOR_KEY}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert VENDOR_KEY not in done.said
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_from_a_variable_goes_into_a_dotenv_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# kept\nOTHER=1\n")
    done = set_key("--fe", "MY_KEY", "--we", path, "--wn", "SIGN_KEY", MY_KEY=VENDOR_KEY)
    assert done.code == 0, done.err
    assert path.read_text() == f"# kept\nOTHER=1\nSIGN_KEY={VENDOR_KEY}\n"


def test_a_key_on_the_command_line_is_stored_with_a_warning(tmp_path: Path) -> None:
    done = set_key("-a", VENDOR_KEY, "--wk", tmp_path / "k")
    assert done.code == 0
    assert "Warning: --api-key shows the key" in done.err
    assert VENDOR_KEY not in done.said


def test_a_person_types_the_key_without_seeing_it(tmp_path: Path) -> None:
    path = tmp_path / "k"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*CLIENT, "auth", "set-key", "--from-stdin", "--wk", str(path)],
        env=BARE,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while b"API key (not shown): " not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, f"{VENDOR_KEY}\n".encode())
    assert process.wait(timeout=120) == 0
    try:
        while part := os.read(ours, 1024):
            shown += part
    except OSError:  # the terminal is gone with its last user
        pass
    os.close(ours)
    assert path.read_text() == f"{VENDOR_KEY}\n"
    assert VENDOR_KEY.encode() not in shown


def test_if_missing_leaves_an_existing_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_text("whatever stands here, even no key\n")
    done = set_key("--fs", "--wk", path, "--if-missing", stdin=VENDOR_KEY)
    assert done.code == 0
    assert "was not changed (--if-missing)" in done.err
    assert path.read_text() == "whatever stands here, even no key\n"

    other = tmp_path / "other"
    assert set_key("--fs", "--wk", other, "--im", stdin=VENDOR_KEY).code == 0
    assert other.read_text() == f"{VENDOR_KEY}\n"


def test_verify_asks_the_server_before_anything_is_written(
    shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    path = tmp_path / "k"
    path.write_text(f"{VENDOR_KEY}\n")
    wrong = set_key("--fs", "--wk", path, "--verify", *shared_server.options, stdin=VENDOR_KEY)
    assert wrong.code == 2
    assert "Keys: Nothing was stored" in wrong.err
    assert path.read_text() == f"{VENDOR_KEY}\n"

    right = set_key("--fs", "--wk", path, "--vf", *shared_server.options, stdin=key)
    assert right.code == 0, right.err
    assert path.read_text() == f"{key}\n"


def test_verify_needs_a_server_and_nothing_else_does(tmp_path: Path) -> None:
    done = set_key("--fs", "--wk", tmp_path / "k", "--verify", stdin=VENDOR_KEY)
    assert done.code == 10
    assert "no server is set" in done.err
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--fs"], "no destination"),
        (["--wk", "k"], "no key"),
        (["--fs", "--fe", "X", "--wk", "k"], "--from-stdin and --from-env cannot be used together"),
        (["--fs", "-a", "x" * 20, "--wk", "k"], "cannot be used together"),
        (["--fs", "--wk", "k", "--we", ".env"], "cannot be used together"),
        (["--fs", "--wk", "k", "--wn", "X"], "can only be used with --write-env-file"),
        (["--fe", "NOT_SET", "--wk", "k"], "the variable NOT_SET is not set, or empty"),
        (["--fs", "--we", ".env", "--wn", "1X"], "must not begin with a digit"),
    ],
)
def test_bad_input_stores_nothing(tmp_path: Path, options: list[str], fault: str) -> None:
    done = subprocess.run(
        [*CLIENT, "auth", "set-key", *options],
        env=BARE,
        input=VENDOR_KEY,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 10
    assert fault in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "short", "two words of a key", "é" * 20, "sig_" + "a" * 65])
def test_an_invalid_key_is_not_stored(tmp_path: Path, text: str) -> None:
    done = set_key("--fs", "--wk", tmp_path / "k", stdin=text)
    assert done.code == 10
    assert "stdin does not contain a key" in done.err
    assert not text or text not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_destination_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    done = set_key("--fs", "--wk", tmp_path / "no" / "k", stdin=VENDOR_KEY)
    assert done.code == 11
    assert "does not exist" in done.err
    assert "Keys: Nothing was stored" in done.err


@pytest.mark.parametrize("place", ["beside the file", "in the state folder"])
@pytest.mark.parametrize("stored", ["another key", "the new key"])
def test_a_journal_that_is_left_is_named(tmp_path: Path, place: str, stored: str) -> None:
    """In the state folder it stayed for ever, and nobody heard of it."""
    path, state = tmp_path / "k", tmp_path / ".signotaur" / "rotations"
    path.write_text(VENDOR_KEY)
    old, new = Secret(VENDOR_KEY), Secret(f"{VENDOR_KEY}new")
    where = JournalPlace(path) if place == "beside the file" else JournalPlace(folders=[state])
    server = "https://keys.example.com"
    intent = RotationIntent(uuid4(), new, 7, auto_revoke=True, again=False, holder="run")
    with where.locked(old, server) as journal:
        journal.begin(JournalEntry(server, old.fingerprint(), intent))
    given = new.reveal() if stored == "the new key" else "a-key-of-somebody-else"
    done = set_key("--fs", "--wk", path, stdin=given, HOME=str(tmp_path))
    assert done.code == 0, done.said
    assert path.read_text() == f"{given}\n"
    assert f"Its journal {journal.path} may contain the only copy of a key." in done.err
    assert ("rotate-key finishes the rotation." in done.err) is (stored == "the new key")
    needs = "run rotate-key with its old or its new key."
    assert (needs in done.err) is (stored == "another key")


def test_a_stored_key_is_found_and_rotated(
    shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    path = tmp_path / "k"
    assert set_key("--fs", "--wk", path, stdin=key).code == 0
    rotated = subprocess.run(
        [*CLIENT, "rotate-key", "--af", path, "--wk", path, *shared_server.options],
        env=BARE,
        capture_output=True,
        check=False,
    )
    assert rotated.returncode == 0
    assert path.read_text() != f"{key}\n"
    assert shared_server.accepts(path.read_text().strip())
