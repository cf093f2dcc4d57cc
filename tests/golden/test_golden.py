"""Every scenario's runs, word for word: streams, exit code, files, requests.

A scenario is a folder with a ``scenario.toml``; ``make golden`` writes its ``transcript.txt``
again. Read that diff: it is what users and scripts will see.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from e2e.client_harness import ClientHarness, Ledger
from signotaur_action.options.commands import OPTIONS
from support.front import Fault, Front, answering, lost_answer
from support.golden import Normaliser, Transcript
from support.keyserver import KeyServer
from support.runner import input_variable

HERE = Path(__file__).parent
SCENARIOS = sorted(path.parent.name for path in HERE.glob("*/scenario.toml"))
FIRST_KEY_ID = 8000


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_transcript(
    scenario: str,
    update_golden: bool,  # noqa: FBT001 - a fixture
    front: Front,
    plain_server: KeyServer,
    tmp_path: Path,
) -> None:
    told = tomllib.loads((HERE / scenario / "scenario.toml").read_text())
    transcript = play(told, ClientHarness(plain_server, tmp_path), front)
    file = HERE / scenario / "transcript.txt"
    if update_golden:
        file.write_text(transcript)
    assert transcript == file.read_text()


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 14
    assert all((HERE / name / "transcript.txt").is_file() for name in SCENARIOS)


def play(told: dict[str, Any], client: ClientHarness, front: Front) -> str:
    """Do what a scenario says and return the transcript."""
    _use_long_ids(client.ledger)
    key = client.ledger.add(told.get("name", "ci"), days=told.get("days", 90))
    folder = client.cwd
    (folder / "key.txt").write_text(f"{key}\n")
    (folder / "key.txt").chmod(0o600)
    for name, content in told.get("files", {}).items():
        (folder / name).write_text(content.replace("{key}", key))
        (folder / name).chmod(0o600)
    normal = Normaliser(folder, front.url, client.ledger.id_of(key))
    normal.key(key)
    transcript = Transcript(normal)
    for run in told["run"]:
        front.faults[:] = [_fault(fault) for fault in run.get("faults", [])]
        front.requests.clear()
        env = {"SIGNOTAUR_SERVER": front.url, "SIGNOTAUR_TIMEOUT": "2s"} | _surroundings(
            run, folder
        )
        env |= {name: value.replace("{key}", key) for name, value in run.get("env", {}).items()}
        if run.get("revoke"):
            client.ledger.revoke(key)
        done = client.run(*run.get("command", []), env=env)
        transcript.run(run.get("command", []), done, front.requests)
    transcript.files(folder)
    return str(transcript)


def _fault(told: dict[str, Any]) -> Fault:
    method, part = told["method"], told.get("part", "")
    if told.get("lost"):
        return lost_answer(method, part)
    return answering(told["status"], told.get("body", "{}").encode(), part, method)


def _surroundings(run: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return what a GitHub job adds to the environment, if the run is in one."""
    if not run.get("github"):
        return {}
    names = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY")
    for name in names:
        (folder / name).touch()
    inputs = {input_variable(name): "" for name in [*OPTIONS, "command"]}
    given = {input_variable(name): value for name, value in run.get("inputs", {}).items()}
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_JOB": "rotate",
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_RUN_ID": "42",
        "RUNNER_TEMP": str(folder),
        **{name: str(folder / name) for name in names},
        **inputs,
        **given,
    }


def _use_long_ids(ledger: Ledger) -> None:
    """Let the server's next key have an id that no other number in a transcript looks like."""
    key = ledger.add("first")
    if ledger.id_of(key) < FIRST_KEY_ID:
        ledger.write("update keys set id = ? where id = ?", FIRST_KEY_ID, ledger.id_of(key))
