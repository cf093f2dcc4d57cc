"""The examples and the starter workflows are what the templates give, and nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from docs.pages import ROOT, block
from signotaur_action.workflows.templates import FILE_NAMES, template

FOLDERS = ("examples/github", ".github/workflow-templates")
STARTERS = ROOT / ".github" / "workflow-templates"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make templates`` writes, in a folder of its own."""
    folder = tmp_path_factory.mktemp("templates")
    subprocess.run([sys.executable, ROOT / "packaging" / "templates.py", folder], check=True)
    return folder


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_committed_is_what_make_templates_writes(folder: str, written: Path) -> None:
    committed, rendered = (
        {path.name: path.read_text() for path in (root / folder).iterdir()}
        for root in (ROOT, written)
    )
    assert committed == rendered, "run `make templates`"


def test_every_template_is_in_the_catalog() -> None:
    folder = ROOT / "entrypoint" / "signotaur_action" / "templates" / "github"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(FILE_NAMES)
    assert len({*FILE_NAMES.values()}) == len(FILE_NAMES)
    for name in FILE_NAMES:
        assert template(name).isascii()


@pytest.mark.parametrize("name", FILE_NAMES.values())
def test_a_starter_workflow_has_what_github_asks_of_it(name: str) -> None:
    text = (STARTERS / name).read_text()
    properties = json.loads((STARTERS / name).with_suffix(".properties.json").read_text())
    assert properties["name"].startswith(yaml.safe_load(text)["name"])
    assert properties["description"].endswith(".")
    assert re.fullmatch("octicon [a-z-]+", properties["iconName"])
    assert properties["categories"]
    for pattern in properties.get("filePatterns", []):
        re.compile(pattern)
    # GitHub puts the repository's own branch in; the server is the organization's variable.
    assert ("$default-branch" in text) == ("push:" in text)
    assert "signotaur.example.com" not in text
    assert "${{ vars.SIGNOTAUR_SERVER }}" in text


def test_the_starter_workflows_differ_by_name() -> None:
    told = [json.loads(path.read_text()) for path in STARTERS.glob("*.properties.json")]
    for member in ("name", "description"):
        assert len({each[member] for each in told}) == len(FILE_NAMES)


def test_the_readmes_workflow_is_the_template_without_what_is_for_starts_by_hand() -> None:
    shown = yaml.safe_load(block("name: Rotate the signing key\n"))
    whole = yaml.safe_load((ROOT / "examples" / "github" / "rotate.yml").read_text())
    assert shown[True]["schedule"] == whole[True]["schedule"]
    for member in ("name", "permissions", "concurrency"):
        assert shown[member] == whole[member]
    (job, whole_job) = (each["jobs"]["rotate"] for each in (shown, whole))
    for member in ("runs-on", "environment", "timeout-minutes"):
        assert job[member] == whole_job[member]
    ([app, step], [whole_app, whole_step]) = (each["steps"] for each in (job, whole_job))
    assert {**app, "name": whole_app["name"]} == whole_app
    plainer = {"sign-server": "https://signotaur.example.com", "if-expiring-within": "30d"}
    by_hand = ("again", "dry-run", "overlap-days")  # the last shows the default
    inputs = {name: value for name, value in whole_step["with"].items() if name not in by_hand}
    assert step["uses"] == whole_step["uses"]
    assert step["with"] == inputs | plainer
