"""Workflows, action.yml and examples: sound by the rules, and their steps really work."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.pages import ROOT, table, workflows
from signotaur_action.options.commands import OPTIONS
from signotaur_action.options.declare import Option
from signotaur_action.workflows.answers import CALLED
from support.options import options_of

BIN = Path(sys.executable).parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
OWN = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = sorted((ROOT / "examples" / "github").glob("*.yml"))
FLEET = ROOT / "examples" / "fleet" / "rotate.yml"
STARTERS = sorted((ROOT / ".github" / "workflow-templates").glob("*.yml"))
MANUAL_WORKFLOWS = workflows()
LONGEST_OWN_LIMIT = 60
"""Minutes that the whole check may take on a slow machine before a limit of ours may stop it."""
SLOWER = 3
SLOWEST_TEST_S = 90


def load(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text())
    return loaded


def described(option: Option) -> str:
    """The one line that action.yml says of an option."""
    note = "true or false; default: false" if option.is_flag else ""
    note = note or ("one on each line" if option.repeatable else "")
    note = note or (f"default: {option.default}" if option.default else "")
    return (option.input_help or option.help).rstrip(".") + (f" ({note})" if note else "")


@pytest.mark.parametrize("path", [*OWN, *EXAMPLES, *STARTERS, FLEET], ids=lambda path: path.name)
def test_a_workflow_keeps_the_rules(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        if "uses" in job:
            assert_a_call_passes_secrets_by_name(job)
            continue
        assert "concurrency" in workflow
        assert "timeout-minutes" in job, name
        for step in job["steps"]:
            uses = step.get("uses", "./")
            assert uses == "./" or re.search(r"@(sha256:[0-9a-f]{64}|[0-9a-f]{40})$", uses), uses
            if uses.startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def assert_a_call_passes_secrets_by_name(job: dict[str, Any]) -> None:
    """The called workflow has the concurrency and the limits; ``inherit`` would give it all."""
    assert job["uses"].startswith(f"OWNER/signotaur-action/{CALLED}@")
    call = load(ROOT / CALLED)[True]["workflow_call"]
    assert set(job["with"]) <= set(call["inputs"])
    assert set(job["secrets"]) == set(call["secrets"])


@pytest.mark.parametrize("path", [*EXAMPLES, *STARTERS], ids=lambda path: path.name)
def test_a_workflow_that_is_given_away_keeps_more_rules(path: Path) -> None:
    workflow = load(path)
    concurrencies = [workflow["concurrency"]] if "concurrency" in workflow else []
    for start in workflow[True].get("schedule", []):
        assert int(start["cron"].split()[0]) % 15 != 0  # when everybody else runs
    if "rotate" in path.name:
        assert_a_start_by_hand_is_typed(workflow[True]["workflow_dispatch"]["inputs"])
    for job in workflow["jobs"].values():
        assert job["name"]
        assert job.get("environment") or job["with"]["environment"] == "signing"
        assert "write" not in {*job.get("permissions", {}).values()} or job["permissions"] == {
            "issues": "write"
        }
        concurrencies += [job["concurrency"]] if "concurrency" in job else []
        for step in job.get("steps", []):
            assert step["name"]
            assert "${{" not in step.get("run", "")
            assert "args" not in step.get("with", {})
    assert not any(each["cancel-in-progress"] for each in concurrencies)


def assert_a_start_by_hand_is_typed(inputs: dict[str, Any]) -> None:
    assert list(inputs) == ["dry-run", "force", "again"]
    for each in inputs.values():
        assert each["type"] == "boolean"
        assert each["default"] is False
        assert each["description"]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_a_gate_needs_every_other_job(path: Path) -> None:
    jobs = load(path)["jobs"]
    if "gate" in jobs:
        assert set(jobs["gate"]["needs"]) == set(jobs) - {"gate"}
    else:
        assert path.name in ("release.yml", "rotate.yml")


def test_the_called_workflow_has_the_steps_of_the_example() -> None:
    """It takes as inputs what the example has as values."""
    [called] = load(ROOT / CALLED)["jobs"].values()
    [example] = load(ROOT / "examples" / "github" / "rotate.yml")["jobs"].values()
    [app, step], [example_app, example_step] = called["steps"], example["steps"]
    assert app == example_app
    assert step["uses"] == example_step["uses"]
    inputs = ("sign-server", "if-expiring-within", "overlap-days", "emit-secret")
    assert {name: value for name, value in step["with"].items() if name not in inputs} == {
        name: value for name, value in example_step["with"].items() if name not in inputs
    }
    for name in inputs:
        assert f"inputs.{name}" in step["with"][name]


def test_limits_leave_room_for_a_slower_machine() -> None:
    """Before, .ci/run stopped itself after 14.5 minutes, and pytest a test after 2."""
    script = (ROOT / ".ci/run").read_text()
    [limit] = re.findall(r"^readonly LIMIT_S=\$\(\((\d+) \* 60\)\)$", script, re.MULTILINE)
    assert int(limit) >= LONGEST_OWN_LIMIT
    whole = [
        job
        for path in OWN
        for job in load(path)["jobs"].values()
        if any(step.get("run") == ".ci/run" for step in job.get("steps", []))
    ]
    assert len(whole) == 2
    assert min(job["timeout-minutes"] for job in whole) > int(limit)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]
    assert settings["ini_options"]["timeout"] >= SLOWER * SLOWEST_TEST_S


@pytest.mark.parametrize("text", MANUAL_WORKFLOWS, ids=["hosted", "self-hosted"])
def test_the_manuals_workflows_pass_githubs_schema_and_zizmor(text: str, tmp_path: Path) -> None:
    workflow = tmp_path / ".github" / "workflows" / "rotate.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(text)
    for check in (
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)],
        ["zizmor", "--offline", "--quiet", str(workflow)],
    ):
        done = subprocess.run(
            [BIN / check[0], *check[1:]], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_option_is_an_input_of_its_name_and_help() -> None:
    commands = ("rotate-key", "rotate-fleet", "confirm-rotation", "guard")
    taken = {option.name: option for command in commands for option in options_of(command)}
    declared = {name: {"description": described(taken[name])} for name in OPTIONS if name in taken}
    inputs = dict(ACTION["inputs"])
    assert inputs.pop("command")["default"] == "rotate-key"
    assert inputs == declared
    assert list(inputs) == list(declared)


def test_the_outputs_are_the_manuals() -> None:
    assert [f"`{name}`" for name in ACTION["outputs"]] == [row[0] for row in table("outputs")]


def test_nothing_secret_can_reach_the_arguments() -> None:
    assert ACTION["runs"] == {"using": "docker", "image": "Dockerfile"}


def test_the_action_is_the_dockerfiles_last_stage() -> None:
    stages = re.findall(r"^FROM .* AS (\w[\w-]*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert stages[-1] == "action"
    assert "server" in stages


def test_a_release_names_the_image_by_digest(tmp_path: Path) -> None:
    for name in ("action.yml", CALLED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    script = ROOT / "packaging" / "release-action"
    image = f"registry.example/owner/signotaur-action@sha256:{'a' * 64}"

    tagged = subprocess.run(
        [script, "image:latest"], cwd=tmp_path, capture_output=True, check=False
    )
    assert tagged.returncode == 10
    assert load(tmp_path / "action.yml") == ACTION

    subprocess.run([script, image], cwd=tmp_path, check=True)
    changed = load(tmp_path / "action.yml")
    assert changed["runs"].pop("image") == f"docker://{image}"
    assert changed["runs"] == {"using": "docker"}
    assert {**changed, "runs": ACTION["runs"]} == ACTION
    [job] = load(tmp_path / CALLED)["jobs"].values()
    assert job["steps"][-1]["uses"] == f"docker://{image}"
