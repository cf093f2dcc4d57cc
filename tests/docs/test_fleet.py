"""The fleet's page, example, workflow and JSON Schema: they are run, and agree with the code."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from docs.pages import BLOCKS, PAGES, ROOT
from docs.repository import ENVIRONMENT, NAME, PLACEHOLDER, ROTATION_TOKEN
from docs.workflows import Job
from e2e.client_harness import Ledger
from fleet.wrong_files import CASES
from signotaur_action.options.declare import Option
from signotaur_action.settings.fleet import FOR_ALL, FOR_ONE, VARIABLES_FROM
from support.client import BARE, run_client
from support.keyserver import KeyServer
from support.options import options_of
from support.providers.github import GitHub

EXAMPLE = ROOT / "examples" / "fleet" / "signotaur-fleet.yml"
WORKFLOW = ROOT / "examples" / "fleet" / "rotate.yml"
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "fleet.schema.json").read_text())
MANUAL = [block["text"] for block in BLOCKS if block["mark"] == "fleet"]
MOBILE, MOBILE_TOKEN = "acme/mobile", "github_pat_mobile"


@pytest.fixture
def ledger(shared_server: KeyServer) -> Ledger:
    return Ledger(shared_server)


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_manuals_examples_work(
    shared_server: KeyServer, ledger: Ledger, tmp_path: Path
) -> None:
    listed, *commands = MANUAL
    private(tmp_path / "fleet.yml", listed.replace(PLACEHOLDER, shared_server.url))
    files = {name: tmp_path / f"{name}.txt" for name in ("desktop", "mobile")}
    old = {name: ledger.add(name, days=10) for name in files}
    for name, file in files.items():
        private(file, old[name])
    changed = []
    for command in commands:
        words = command.split()[1:]
        env = {"HOME": str(tmp_path), "SIGNOTAUR_CA_FILE": str(shared_server.ca_file)}
        done = run_client(*words, env=env, cwd=tmp_path)
        assert done.code == 0, done.err
        changed.append([name for name in files if files[name].read_text().strip() != old[name]])
    # The last command rotates one of them again: each lives for 10 days, the window is 30.
    assert changed == [[], ["desktop", "mobile"], ["desktop", "mobile"]]
    assert len(ledger.successors(old["desktop"])) == len(ledger.successors(old["mobile"])) == 1


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as github:
        for name, token in ((NAME, ROTATION_TOKEN), (MOBILE, MOBILE_TOKEN)):
            github.add_repository(name, environments=[ENVIRONMENT])
            writes = {"environments": "write", "secrets": "write"}
            github.add_token(token, permissions=writes, repositories=[NAME, name])
        yield github


def test_the_example_workflow_stores_each_key_where_the_next_run_finds_it(
    shared_server: KeyServer, ledger: Ledger, github: GitHub, tmp_path: Path
) -> None:
    job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["rotate"]
    old = {name: ledger.add(name, days=10) for name in ("DESKTOP_KEY", "MOBILE_KEY")}
    place = f"repos/{NAME}/environments/{ENVIRONMENT}"
    for name, key in old.items():
        github.put_secret("actions", place, name, key)
    tmp_path.chmod(0o700)
    (tmp_path / ".github").mkdir(mode=0o700)
    text = EXAMPLE.read_text().replace(PLACEHOLDER, shared_server.url)
    private(tmp_path / ".github" / EXAMPLE.name, text)
    for dry_run in ("true", ""):
        values = {f"secrets.{name}": key for name, key in old.items()} | {
            "secrets.MOBILE_TOKEN": MOBILE_TOKEN,
            "secrets.ROTATION_TOKEN": ROTATION_TOKEN,
            "inputs.dry-run": dry_run,
        }
        env = {
            **BARE,
            "SIGNOTAUR_CA_FILE": str(shared_server.ca_file),
            "GITHUB_API_URL": github.url,
            "GITHUB_REPOSITORY": NAME,
        }
        run = Job(tmp_path, values, env, "", _no_app)
        assert run.run(job["steps"]) == 0, run.log
        found = {name: github.secret("actions", place, name) for name in old}
        assert (found == old) == bool(dry_run)
    for name, stored in found.items():
        assert stored is not None
        assert shared_server.accepts(stored), name
    assert github.secret("actions", f"repos/{MOBILE}", "SIGNOTAUR_API_KEY") == found["MOBILE_KEY"]


def _no_app(_client: str, _key: str, _permissions: Mapping[str, str]) -> str:
    raise AssertionError("the workflow uses no GitHub App")


ONE_MOMENT = {"again", "compromised", "defer-confirm"}
SECRETS = {"api-key", "github-token"}
OF_THE_WHOLE_RUN = {"dry-run", "json", "debug"}


def test_every_option_of_rotate_key_is_a_member_or_is_left_out_on_purpose() -> None:
    left_out = ONE_MOMENT | SECRETS | OF_THE_WHOLE_RUN
    assert {*FOR_ONE} == {option.name for option in options_of("rotate-key")} - left_out
    page = PAGES["docs/commands/rotate-fleet.md"].split("## The file")[1].split("\n## ")[0]
    for name in {*FOR_ONE, VARIABLES_FROM}:
        assert f"`{name}`" in page, name


# The schema


def errors(text: str) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(yaml.safe_load(text))]


def test_the_schema_is_valid_and_accepts_the_examples() -> None:
    Draft7Validator.check_schema(SCHEMA)
    for text in (EXAMPLE.read_text(), MANUAL[0]):
        assert errors(text) == []
    assert EXAMPLE.read_text().startswith(f"# yaml-language-server: $schema={SCHEMA['$id']}\n")


@pytest.mark.parametrize(
    "case",
    [
        "a text",
        "no keys",
        "keys that are empty",
        "keys without one",
        "an unknown member",
        "an unknown member of the file",
        "a key's own member in defaults",
        "a destination twice",
        "a key as a member",
        "a number where a flag is due",
        "a list where a text is due",
        "a word that YAML takes otherwise",
        "an empty value",
        "an empty list",
        "no source",
        "no destination",
        "a name of spaces",
        "a value where a name is due",
    ],
)
def test_the_schema_finds_what_an_editor_can_find(case: str) -> None:
    assert errors(CASES[case][0])


def declared(option: Option) -> dict[str, Any]:
    """What the schema says of an option."""
    if option.is_flag:
        return {"description": option.help, "type": "boolean"}
    if option.repeatable:
        return {"description": option.help, "allOf": [{"$ref": "#/$defs/texts"}]}
    kinds = ["string", "integer"] if option.metavar == "DAYS" else "string"
    return {"description": option.help, "type": kinds}


def test_the_schema_has_every_member_with_the_options_help() -> None:
    for_all = SCHEMA["properties"]["defaults"]["properties"]
    for_one = dict(SCHEMA["$defs"]["key"]["properties"])
    assert for_all == {name: declared(option) for name, option in FOR_ALL.items()}
    assert for_one.pop(VARIABLES_FROM)["type"] == "object"
    assert for_one == {name: declared(option) for name, option in FOR_ONE.items()}
