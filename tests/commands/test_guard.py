"""``guard`` against the real key server over TLS."""

import re
from pathlib import Path

import pytest

from support.client import Finished, run_client
from support.front import Front
from support.keyserver import KeyServer
from support.runner import log_view, parse_file


def guard(server: KeyServer, key: str, *options: str, **env: str) -> Finished:
    return run_client("guard", *server.options, *options, env={"SIGNOTAUR_API_KEY": key, **env})


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("--fail-if-expiring-within=7d", 0),
        ("--fail-if-expiring-within=2w", 0),
        ("--fail-if-expiring-within=90m", 0),
        ("--fail-if-expiring-within=91d", 13),
        ("--fail-if-expiring-within=99%", 0),
        ("--fail-if-expiring-within=100%", 13),
        ("--warn-if-expiring-within=91d", 0),
        ("--max-age=1d", 0),
    ],
)
def test_the_exit_code_says_whether_the_key_is_good(
    shared_server: KeyServer, key: str, limit: str, code: int
) -> None:
    done = guard(shared_server, key, limit)
    assert done.code == code, done.said
    assert done.out == ""
    assert key not in done.said


def test_a_build_with_the_old_key_learns_of_the_new_one(
    shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    rotated = run_client(
        "rotate-key",
        *shared_server.options,
        "--json",
        "--state-dir",
        tmp_path,
        env={"SIGNOTAUR_API_KEY": key},
    )
    new = rotated.json["keyId"]

    far = guard(shared_server, key, "--fail-if-expiring-within=1d")
    assert far.code == 0
    assert f"the new key's id is {new}" in far.err
    assert "Warning: This key was rotated on " in far.err

    near = guard(shared_server, key, "--fail-if-expiring-within=8d", "--json")
    assert near.code == 13
    assert near.json["state"] == "rotated"
    assert near.json["daysLeft"] in (6, 7)
    assert near.json["next"] == f"Give this build the new key (id {new})."


def test_the_servers_clock_decides_and_not_the_runners(own_server: KeyServer) -> None:
    key = own_server.add_key(expires_in="90d")
    assert guard(own_server, key, "--max-age=30d").code == 0
    assert guard(own_server, key, "--fail-if-expiring-within=7d").code == 0

    own_server.look_past("85d")
    assert guard(own_server, key, "--max-age=30d").code == 13
    assert guard(own_server, key, "--fail-if-expiring-within=7d").code == 13

    own_server.look_past("91d")
    gone = guard(own_server, key, "--fail-if-expiring-within=7d")
    assert gone.code == 2
    assert "it has expired" in gone.err


def test_a_job_gets_outputs_an_annotation_and_a_summary(
    shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    outputs.touch()
    summary.touch()
    done = run_client(
        env={
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_STEP_SUMMARY": str(summary),
            "INPUT_COMMAND": "guard",
            "INPUT_API-KEY": key,
            "INPUT_SIGN-SERVER": shared_server.url,
            "INPUT_CA-FILE": str(shared_server.ca_file),
            "INPUT_FAIL-IF-EXPIRING-WITHIN": "100%",
        }
    )
    assert done.code == 13
    written = parse_file(outputs.read_bytes()).outputs()
    assert written.keys() == {"key-id", "state", "expires-at", "days-left"}
    assert written["state"] == "active"
    assert written["days-left"] in ("89", "90")
    errors = [line for line in done.out.splitlines() if line.startswith("::error ")]
    assert len(errors) == 1
    assert "run rotate-key" in errors[0]
    assert "run rotate-key" in summary.read_text()
    assert key not in "\n".join(log_view(done.out.encode()))


def test_one_call_is_enough(front: Front, plain_server: KeyServer) -> None:
    key = plain_server.add_key()
    done = run_client(
        "guard", *front.options, "--fail-if-expiring-within=7d", env={"SIGNOTAUR_API_KEY": key}
    )
    assert done.code == 0
    assert [(call.method, call.path) for call in front.requests] == [("GET", "/api/v1/keys/self")]


def test_all_faults_come_at_once() -> None:
    done = run_client(
        "guard", "-s", "ftp://x", "--fail-if-expiring-within=soon", "--max-age=1y", env={}
    )
    assert done.code == 10
    for name in ("no API key", "--sign-server", "--fail-if-expiring-within", "--max-age"):
        assert name in done.err
    assert re.search(r"Keys: Unchanged", done.err)


def test_a_guard_without_a_limit_is_a_mistake(shared_server: KeyServer, key: str) -> None:
    done = guard(shared_server, key)
    assert done.code == 10
    assert "--fail-if-expiring-within 7d" in done.err
