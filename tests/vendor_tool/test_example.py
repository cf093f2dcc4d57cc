"""The examples for Windows, on this system: the workflow's inputs, and what the scripts start."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.other_ci import Ran, powershell, read, run
from docs.pages import BLOCKS
from support.client import BARE, CLIENT, run_program
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


TOOL_PATH = r"C:\Program Files\VSoft Technologies\Signotaur\ClientTool\SignotaurTool.exe"
CLIENT_PATH = r"C:\signotaur\Scripts\signotaur-action.exe"
FOLDER_PATH = r"C:\ProgramData\signotaur-action"


def run_script(client: ToolClient, example: str, **env: str) -> Ran:
    """Run what a PowerShell script starts, with the paths of this system instead of Windows'."""
    words, environ = powershell(read(f"windows/{example}", client.server.url))
    assert words[0] == CLIENT_PATH
    paths = {TOOL_PATH: str(client.tool.program), FOLDER_PATH: str(client.folder)}
    assert TOOL_PATH in words
    for theirs, ours in paths.items():
        words = [word.replace(theirs, ours) for word in words]
    words = [word.replace("\\", "/") for word in words]
    return run([*CLIENT, *words[1:]], BARE | client.environ | environ | env, client.cwd)


def test_the_script_for_a_key_file_rotates_it(client: ToolClient) -> None:
    old = client.stored
    client.key_file.rename(client.folder / "api_key.txt")
    done = run_script(client, "rotate-key-file.ps1")
    assert done.code == 0, done.said
    new = (client.folder / "api_key.txt").read_text().strip()
    [row] = client.ledger.successors(old)
    assert client.ledger.id_of(new) == row["id"]
    assert done.out == ""


def test_the_script_for_continua_sets_the_variable(client: ToolClient) -> None:
    old = client.stored
    access = {"SIGNOTAUR_API_KEY": old, "SIGNOTAUR_SERVER": client.server.url}
    client.tool.behaves(code=1)
    assert run_script(client, "rotate-in-continua.ps1", **access).code == 1
    client.tool.behaves()
    done = run_script(client, "rotate-in-continua.ps1", **access)
    assert done.code == 0, done.said
    message = r"@@continua\[setServerVariable name='SignotaurApiKey' value='(sig_\w+)'\]\n"
    match = re.fullmatch(message, done.out)
    assert match is not None, done.said
    [row] = client.ledger.successors(old)
    assert client.ledger.id_of(match[1]) == row["id"]
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
