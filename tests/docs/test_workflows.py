"""Workflows, action.yml and examples: sound by the rules, and their steps really work."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.workflows import Job
from signotaur_action.options import OPTIONS, Option
from support.client import BARE
from support.keyserver import KeyServer
from support.options import options_of

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
README = (ROOT / "README.md").read_text()
OWN = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = sorted((ROOT / "examples" / "github").glob("*.yml"))
README_WORKFLOWS = re.findall(r"```yaml\n(name: .*?)```", README, re.DOTALL)


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def described(option: Option) -> str:
    """The one line that action.yml says of an option."""
    note = "true or false; default: false" if option.is_flag else ""
    note = note or ("one on each line" if option.repeatable else "")
    note = note or (f"default: {option.default}" if option.default else "")
    return option.help.rstrip(".") + (f" ({note})" if note else "")


@pytest.mark.parametrize("path", [*OWN, *EXAMPLES], ids=lambda path: path.name)
def test_a_workflow_keeps_the_rules(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job, name
        for step in job["steps"]:
            uses = step.get("uses", "./")
            assert uses == "./" or re.search(r"@[0-9a-f]{40}$", uses), uses
            if uses.startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_a_gate_needs_every_other_job(path: Path) -> None:
    jobs = load(path)["jobs"]
    if "gate" in jobs:
        assert set(jobs["gate"]["needs"]) == set(jobs) - {"gate"}
    else:
        assert path.name == "release.yml"


@pytest.mark.parametrize("text", README_WORKFLOWS, ids=["hosted", "self-hosted"])
def test_the_readmes_workflows_pass_githubs_schema_and_zizmor(text: str, tmp_path: Path) -> None:
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
    taken = {option.name: option for option in [*options_of("rotate-key"), *options_of("guard")]}
    declared = {name: {"description": described(taken[name])} for name in OPTIONS if name in taken}
    inputs = dict(ACTION["inputs"])
    assert inputs.pop("command")["default"] == "rotate-key"
    assert inputs == declared
    assert list(inputs) == list(declared)


def test_the_outputs_are_the_readmes() -> None:
    rows = README.split("<!-- outputs -->\n")[1].split("\n\n")[0].splitlines()[2:]
    named = [row.split(" | ")[0][2:] for row in rows]
    assert [f"`{name}`" for name in ACTION["outputs"]] == named


def test_nothing_secret_can_reach_the_arguments() -> None:
    assert ACTION["runs"] == {"using": "docker", "image": "Dockerfile"}


def test_the_icon_is_one_that_github_allows() -> None:
    # Feather icons that GitHub's schema takes; `key`, which would fit, is not among them.
    assert ACTION["branding"] == {"icon": "refresh-cw", "color": "blue"}


def test_the_action_is_the_dockerfiles_last_stage() -> None:
    stages = re.findall(r"^FROM .* AS (\w[\w-]*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert stages[-1] == "action"
    assert "server" in stages


def test_a_release_names_the_image_by_digest(tmp_path: Path) -> None:
    shutil.copy(ROOT / "action.yml", tmp_path)
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


class Desk:
    """A job's folder with a stand-in for ``gh`` that stores what it is given."""

    def __init__(self, folder: Path, server: KeyServer, name: str) -> None:
        self.folder = folder
        self.server = server
        self.name = name
        self.stored = folder / "stored"
        tools = folder / "tools"
        tools.mkdir()
        gh = tools / "gh"
        gh.write_text(f'#!/bin/sh\necho "$GH_TOKEN $*" >{folder}/gh-call\ncat >{self.stored}\n')
        gh.chmod(0o755)

    def job(self, key: str, **values: str) -> Job:
        return Job(
            folder=self.folder,
            values={
                "secrets.SIGNOTAUR_API_KEY": key,
                "secrets.ROTATION_TOKEN": "token-of-the-test",
                "vars.SIGNOTAUR_SERVER": self.server.url,
                "github.event_name": "schedule",
                "inputs.again": "",
                "inputs.if-expiring-within": "30d",
                **values,
            },
            env={**BARE, "SIGNOTAUR_CA_FILE": str(self.server.ca_file), "GITHUB_REPOSITORY": "o/r"},
            path=str(self.folder / "tools"),
        )

    def key(self, expires_in: str) -> str:
        return self.server.add_key(name=self.name, expires_in=expires_in)


@pytest.fixture
def desk(tmp_path: Path, shared_server: KeyServer, fresh_name: str) -> Desk:
    return Desk(tmp_path, shared_server, fresh_name)


def steps_of(text: str, job: str, server: KeyServer) -> list[dict[str, Any]]:
    replaced = text.replace("https://signotaur.example.com", server.url)
    steps: list[dict[str, Any]] = yaml.safe_load(replaced)["jobs"][job]["steps"]
    return steps


@pytest.mark.parametrize(
    "text",
    [README_WORKFLOWS[0], (ROOT / "examples/github/rotate.yml").read_text()],
    ids=["readme", "example"],
)
def test_the_scheduled_rotation_stores_a_working_key_when_due(text: str, desk: Desk) -> None:
    steps = steps_of(text, "rotate", desk.server)

    assert desk.job(desk.key("90d")).run(steps) == 0
    assert not desk.stored.exists()  # not due: nothing was rotated, nothing stored

    old = desk.key("20d")
    job = desk.job(old)
    assert job.run(steps) == 0, job.log
    new = desk.stored.read_text()
    assert new != old
    assert desk.server.accepts(new)
    assert desk.server.accepts(old)
    call = (desk.folder / "gh-call").read_text()
    assert call == "token-of-the-test secret set SIGNOTAUR_API_KEY --env signing --repo o/r\n"


def test_a_lost_new_key_is_replaced_by_hand_with_again(desk: Desk) -> None:
    steps = steps_of((ROOT / "examples/github/rotate.yml").read_text(), "rotate", desk.server)
    old = desk.key("20d")
    assert desk.job(old).run(steps) == 0
    desk.stored.unlink()  # as if the second step had failed

    assert desk.job(old).run(steps) == 15  # the next night says so
    by_hand = desk.job(old, **{"github.event_name": "workflow_dispatch", "inputs.again": "true"})
    assert by_hand.run(steps) == 0, by_hand.log
    assert desk.server.accepts(desk.stored.read_text())


def test_the_build_example_checks_the_key_and_hands_it_to_the_signer(desk: Desk) -> None:
    steps = steps_of((ROOT / "examples/github/build.yml").read_text(), "build", desk.server)
    sign = desk.folder / "sign.sh"
    sign.write_text('#!/bin/sh\nprintf %s "$SIGNOTAUR_API_KEY" >signed-with\n')
    sign.chmod(0o755)
    key = desk.key("90d")

    job = desk.job(key)
    assert job.run(steps) == 0, job.log
    assert (desk.folder / "signed-with").read_text() == key
    assert job.outputs["key"]["state"] == "active"
    (desk.folder / "signed-with").unlink()
    dying = desk.job(desk.key("6d"))
    assert dying.run(steps) == 13
    assert not (desk.folder / "signed-with").exists()
    listed = desk.server.keys()
    assert [each["name"] for each in listed].count(desk.name) == 2
