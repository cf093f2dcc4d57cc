"""The command line: what it prints where, what it does, and its exit codes."""

import json
import re
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import alembic.command
import pytest
import requests

from keyserver.processes import Process, command
from signotaur_keyserver.cli import run
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.database.migrate import _config
from signotaur_wire import keyformat

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def cli(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit code, stdout, stderr."""

    def call(*arguments: str, place: Path = data_dir) -> tuple[int, str, str]:
        code = run([*arguments, f"--data-dir={place}"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def _add_key(cli: Run, *options: str) -> str:
    code, out, _ = cli("key", "add", "--user=ci", "--name=build", *options)
    assert code == 0
    return out.strip()


def test_from_nothing_to_a_key(cli: Run) -> None:
    code, out, err = cli("user", "add", "ci", "--role=ApiKeyRotation")
    assert (code, out) == (0, "")
    assert err.endswith("master.key: back it up, separately from the database\nuser 1 added\n")
    code, out, err = cli("key", "add", "--user", "ci", "--name", "release builds")
    assert code == 0
    assert keyformat.parse(out.strip())
    assert out.count("\n") == 1
    assert err == "this key is shown only once\n"
    listed = json.loads(cli("key", "list", "--json")[1])
    assert [set(entry) for entry in listed] == [
        {
            "id",
            "publicId",
            "name",
            "owner",
            "state",
            "createdAt",
            "expiresAt",
            "revokesAt",
            "revokedAt",
            "rotatedFromKeyId",
            "rotationTimestampUtc",
            "autoRevokeOldKeyUtc",
            "successorKeyIds",
        }
    ]
    assert listed[0]["publicId"] == out[4:19]
    assert (listed[0]["owner"], listed[0]["name"]) == ("ci", "release builds")


@pytest.mark.parametrize(("given", "shown"), [("never", None), ("2d", "days=2"), ("", "days=90")])
def test_lifetimes(cli: Run, given: str, shown: str | None) -> None:
    cli("user", "add", "ci")
    _add_key(cli, *([f"--expires-in={given}"] if given else []))
    entry = json.loads(cli("key", "list", "--json")[1])[0]
    assert (entry["expiresAt"] is None) == (shown is None)
    if shown is not None:
        offset = shown.removeprefix("days=")
        before = json.loads(cli("key", "list", "--json", f"--clock-offset={int(offset) - 1}d")[1])
        after = json.loads(cli("key", "list", "--json", f"--clock-offset={offset}d")[1])
        assert (before[0]["state"], after[0]["state"]) == ("active", "expired")


def test_the_life_of_a_key(cli: Run) -> None:
    cli("user", "add", "ci")
    _add_key(cli)

    def state() -> str:
        return str(json.loads(cli("key", "list", "--json")[1])[0]["state"])

    steps = [
        (("key", "disable", "1"), "disabled"),
        (("key", "enable", "1"), "active"),
        (("user", "disable", "ci"), "disabled"),
        (("user", "enable", "ci"), "active"),
        (("key", "revoke", "1"), "revoked"),
        (("key", "enable", "1"), "revoked"),
        (("key", "revoke", "1"), "revoked"),
    ]
    for arguments, expected in steps:
        assert cli(*arguments)[0] == 0
        assert state() == expected
    assert re.search(r" revoked +20\d\d-\d\d-\d\dT", cli("key", "list")[1])
    types = [event["type"] for event in json.loads(cli("events", "--json")[1])]
    assert types == [
        "user-added",
        "key-added",
        "key-disabled",
        "key-enabled",
        "user-disabled",
        "user-enabled",
        "key-revoked",
        "key-enabled",
    ]
    assert len(cli("events", "--limit=3")[1].splitlines()) == 3


def test_sweep_tells_what_it_did(cli: Run) -> None:
    cli("user", "add", "ci")
    told = json.loads(cli("sweep", "--json", "--clock-offset=8d")[1])
    assert told == {"revokedKeyIds": [], "heldRotationIds": []}
    assert cli("sweep")[1] == "keys revoked: 0; rotations stalled: 0\n"


def test_migrate_is_repeatable(cli: Run, data_dir: Path) -> None:
    assert [cli("migrate")[0] for _ in range(2)] == [0, 0]
    assert (data_dir / "keyserver.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("key", "list"),
        ("key", "add", "--user=ci", "--name=x"),
        ("key", "revoke", "1"),
        ("user", "enable", "ci"),
        ("sweep",),
        ("events",),
    ],
)
def test_without_a_database_the_next_command_is_told(
    cli: Run, data_dir: Path, arguments: tuple[str, ...]
) -> None:
    code, out, err = cli(*arguments)
    assert (code, out) == (10, "")
    assert "signotaur-keyserver user add NAME" in err
    assert not data_dir.exists()


def test_an_empty_database_is_none(cli: Run, data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "keyserver.db").touch()
    code, _, err = cli("key", "list")
    assert code == 10
    assert f"{data_dir} does not contain a key server database" in err


def test_a_database_of_an_older_version_says_so(cli: Run, data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    database = Database(sqlite_url(data_dir / "keyserver.db"))
    database.prepare()
    config = _config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
    database.close()
    code, _, err = cli("key", "list")
    assert code == 10
    assert f"signotaur-keyserver migrate --data-dir {data_dir}" in err


FAULTS = {
    "no such option": ("sweep", "--no-such-option"),
    "no such command": ("frobnicate",),
    "a missing option": ("key", "add", "--user=ci"),
    "a missing argument": ("user", "add"),
    "not a number": ("key", "revoke", "one"),
    "no duration": ("sweep", "--clock-offset=soon"),
    "no lifetime": ("key", "add", "--user=ci", "--name=x", "--expires-in=0s"),
    "another dialect": ("sweep", "--database=mysql://host/db"),
    "no URL": ("sweep", "--database=nonsense"),
    "no TLS choice": ("serve",),
    "two TLS choices": ("serve", "--self-signed", "--insecure-http"),
    "half a certificate": ("serve", "--tls-cert=/none"),
    "no certificate file": ("serve", "--tls-cert=/none", "--tls-key=/none"),
    "http to the world": ("serve", "--insecure-http", "--host=0.0.0.0"),
    "http to a name": ("serve", "--insecure-http", "--host=keys.internal"),
    "a port too high": ("serve", "--self-signed", "--port=65536"),
    "no interval": ("serve", "--self-signed", "--sweep-interval=0s"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_usage_errors_end_with_10(cli: Run, fault: str) -> None:
    cli("migrate")
    code, out, err = cli(*FAULTS[fault])
    assert (code, out) == (10, "")
    assert err.startswith("signotaur-keyserver: ")
    assert "Traceback" not in err


FAILURES = {
    "a name that is taken": ("user", "add", "ci"),
    "a name that cannot be": ("user", "add", "two\nlines"),
    "an unknown user": ("key", "add", "--user=nobody", "--name=x"),
    "an empty name": ("key", "add", "--user=ci", "--name="),
    "an unknown key": ("key", "revoke", "99"),
    "an unknown user to enable": ("user", "enable", "nobody"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_end_with_1(cli: Run, failure: str) -> None:
    cli("user", "add", "ci")
    code, out, err = cli(*FAILURES[failure])
    assert (code, out) == (1, "")
    assert err.startswith("signotaur-keyserver: ")


def test_help_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert run(["key", "--help"]) == 0
    out = capsys.readouterr().out
    assert "serve" in out
    assert "revoke" in out


def test_a_folder_that_cannot_be_made_is_told(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = cli("user", "add", "ci", place=tmp_path / "file" / "data")
    assert code == 10
    assert "cannot write to the data folder" in err


def test_a_folder_that_cannot_be_written_is_told(cli: Run) -> None:
    # Not even root writes here.
    code, _, err = cli("migrate", place=Path("/proc"))
    assert code == 10
    assert "cannot write to the data folder /proc" in err


def test_commands_work_while_the_server_runs(cli: Run, data_dir: Path) -> None:
    cli("user", "add", "ci")
    with Process(data_dir, "--insecure-http") as server:
        key = _add_key(cli)
        headers = {"Authorization": f"Bearer {key}"}
        with requests.Session() as session:
            url = f"{server.url}/api/v1/keys/self"
            assert session.get(url, headers=headers, timeout=60).status_code == 200
            assert cli("key", "revoke", "1")[0] == 0
            assert session.get(url, headers=headers, timeout=60).json()["type"] == "key-revoked"


def test_another_database_file_can_be_named(cli: Run, tmp_path: Path) -> None:
    url = f"--database=sqlite:///{tmp_path}/other.db"
    assert cli("user", "add", "ci", url)[0] == 0
    assert cli("key", "add", "--user=ci", "--name=x", url)[0] == 0
    assert (tmp_path / "other.db").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_promptly_as_a_success(
    data_dir: Path, number: signal.Signals
) -> None:
    with Process(data_dir, "--insecure-http") as server, requests.Session() as session:
        assert set(server.ready) == {"url", "caFile"}
        assert server.ready["caFile"] is None
        assert session.get(f"{server.url}/healthz", timeout=10).ok
        assert server.end(number) == 0
        assert server.rest_of_stdout() == ""
    assert "GET /healthz 200" in server.log.read_text()
    assert stat.S_IMODE((data_dir / "keyserver.db").stat().st_mode) == 0o600


def test_a_taken_port_is_a_failure(data_dir: Path) -> None:
    with Process(data_dir, "--insecure-http") as server:
        port = server.url.rpartition(":")[2]
        place = (f"--data-dir={data_dir}", "--insecure-http", f"--port={port}")
        done = command("serve", *place)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_server_sweeps_with_its_clock(cli: Run, data_dir: Path) -> None:
    cli("user", "add", "ci", "--role=ApiKeyRotator")
    _add_key(cli, "--expires-in=5d")
    with Process(data_dir, "--insecure-http", "--clock-offset=6d") as server:
        text = requests.get(f"{server.url}/metrics", timeout=60).text
    assert 'signotaur_keys{state="expired"} 1.0' in text
    assert "signotaur_sweeps_total 1.0" in text
