"""The workflow for a Windows runner, with its inputs as they are, on this system."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.pages import BLOCKS
from support.client import run_program
from support.providers.github_place import REPOSITORY, GithubHarness
from vendor_tool.conftest import ToolClient

EXAMPLE = Path(__file__).parents[2] / "examples" / "windows" / "rotate-by-tool.yml"

SECRET = ("actions", f"repos/{REPOSITORY}/environments/signing", "SIGNOTAUR_API_KEY")


@pytest.fixture
def step() -> dict[str, Any]:
    workflow = yaml.safe_load(EXAMPLE.read_text())
    [found] = workflow["jobs"]["rotate"]["steps"]
    inputs: dict[str, Any] = found["with"]
    return inputs


def test_the_key_reaches_the_secret_of_the_environment(
    client: ToolClient, step: dict[str, Any]
) -> None:
    old = client.key_file.read_text().strip()
    with GithubHarness() as github:
        values = {
            "vars.SIGNOTAUR_SERVER": client.server.url,
            "secrets.SIGNOTAUR_API_KEY": old,
            "secrets.ROTATION_TOKEN": github.token,
            "inputs.again": "false",
        }
        step |= {"tool": str(client.tool.program), "state-dir": str(client.folder / "state")}
        inputs = {
            f"INPUT_{name.upper()}": re.sub(
                r"\$\{\{ (\S+) \}\}", lambda match: values[match[1]], value
            )
            for name, value in step.items()
        }
        job = {"GITHUB_ACTIONS": "true", **github.environ, **inputs}
        del job["GH_TOKEN"]
        done = client.run("rotate-key", env=job)
        assert done.code == 0, done.said
        [row] = client.ledger.successors(old)
        assert client.ledger.id_of(str(github.server.secret(*SECRET))) == row["id"]
    assert client.tool.calls[0]["argv"][5:7] == ["--overlap-days", "14"]
    assert client.leftovers() == []


def test_the_example_of_the_manual_works_as_it_is(client: ToolClient) -> None:
    [example] = [block["text"] for block in BLOCKS if block["mark"] == "tool"]
    old = client.key_file.read_text().strip()
    key_file = client.home / ".signotaur" / "api_key.txt"
    key_file.parent.mkdir()
    key_file.write_text(old)
    command = example.replace("https://signotaur.example.com", client.server.url)
    path = f"{client.tool.folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = run_program(
        ["sh", "-euc", command], env={"PATH": path, "HOME": str(client.home)}, cwd=client.cwd
    )
    assert done.code == 0, done.said
    [row] = client.ledger.successors(old)
    assert client.ledger.id_of(key_file.read_text().strip()) == row["id"]
