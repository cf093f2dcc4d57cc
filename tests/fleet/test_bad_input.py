"""What is wrong with a fleet file: each fault with its line and what corrects it, all at once.

Nothing is sent before the file is right: these files name a server that does not exist.
"""

import os
import re
from pathlib import Path

import pytest

from fleet.harness import Fleet
from fleet.wrong_files import CASES, HEAD, KEY, SERVER, entry
from signotaur_wire import keyformat
from support.client import Finished, run_client

NOBODY = 65534


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with three key files."""
    tmp_path.chmod(0o700)
    for name in ("a", "b", "c"):
        file = tmp_path / f"{name}.txt"
        file.write_text(keyformat.generate())
        file.chmod(0o600)
    return tmp_path


def run(place: Path, text: str, *arguments: str, mode: int = 0o600) -> Finished:
    fleet = Fleet.__new__(Fleet)
    fleet.folder, fleet.file = place, place / "fleet.yml"
    fleet.env = {"HOME": str(place / "home"), "B": KEY}
    fleet.file.write_text(text)
    fleet.file.chmod(mode)
    return fleet.run(*arguments)


def faults(place: Path, text: str, *arguments: str, mode: int = 0o600) -> list[str]:
    """Return the faults without the file's name; nothing was sent, and all is explained."""
    done = run(place, text, *arguments, mode=mode)
    assert done.code == 10, done.said
    assert done.out == ""
    assert "Keys: Nothing was sent to the server; the key in use is unchanged." in done.err
    assert "Traceback" not in done.err
    body = done.err.split("\nKeys: ")[0].removeprefix("Error: ")
    lines = [line.removeprefix("- ") for line in body.splitlines()]
    lines = lines[1:] if lines[0].endswith("problems were found:") else lines
    return [line.replace(f"{place}/fleet.yml:", "") for line in lines]


@pytest.mark.parametrize("case", CASES)
def test_a_fault_has_its_line_and_its_correction(case: str, place: Path) -> None:
    text, fault = CASES[case]
    found = faults(place, text.replace("{{{{", "{{").replace("}}}}", "}}"))
    expected = fault.replace("{place}", str(place))
    assert [each for each in found if each.startswith(expected)], found


def test_all_faults_are_reported_at_once_in_the_order_of_their_lines(place: Path) -> None:
    text = (
        HEAD
        + "  a:\n    api-key-file: a.txt\n    write-key-file: a.txt\n    overlap-days: forever\n"
        + "  b:\n    api-key-file: a.txt\n    write-key-file: a.txt\n"
        + "  b:\n    nonsense: 1\n"
        + f"# {KEY}\n"
    )
    found = faults(place, text, "--parallel", "0", "--only", "z")
    assert [re.split(r"[: ]", each)[0] for each in found] == ["--parallel", "--only", "11", "13"]
    assert KEY not in "\n".join(found)
    found = faults(place, text.rpartition("#")[0])
    assert [each.partition(":")[0] for each in found] == ["7", "11"]


SECRETS = {
    "a key": KEY,
    "half a key": KEY[:40],
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a fine-grained GitHub token": "github_pat_" + "a1B2" * 9,
    "a GitLab token": "glpat-" + "a1B2" * 5,
    "a Vault token": "hvs." + "a1B2" * 6,
    "a Buildkite token": "bkua_" + "a1B2" * 10,
    "an access key of Amazon": "AKIA" + "A1B2" * 4,
    "a JSON Web Token": "eyJ" + "a1B2" * 4 + ".eyJ" + "a1B2" * 4 + ".x",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
    "the password of an address": "https://build:hunter2@signotaur.example.com",
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("form", ["# {}\n", "    {}: 1\n", "    timeout: '{}'\n"])
def test_a_secret_in_the_file_is_found_and_not_shown(kind: str, form: str, place: Path) -> None:
    secret = SECRETS[kind]
    done = run(place, HEAD + entry("a") + form.format(secret), "--debug")
    assert done.code == 10, done.said
    assert "fleet.yml:7: a secret is written here: treat it as leaked, replace it" in done.err
    shown = secret.removeprefix("https://").removesuffix("@signotaur.example.com")
    assert shown not in done.said


def test_rights_that_let_others_change_the_file(place: Path) -> None:
    sound = HEAD + entry("a")
    assert faults(place, sound, mode=0o620) == [
        f"1: others can write to this file: chmod go-w {place}/fleet.yml"
    ]
    assert faults(place, sound, mode=0o602)
    place.chmod(0o777)
    assert faults(place, sound) == [
        f"1: {place}: every user can replace files in this folder: chmod go-w {place}"
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_may_read_the_file_of_a_user_as_a_container_does(place: Path) -> None:
    file = place / "fleet.yml"
    file.touch()
    os.chown(file, NOBODY, NOBODY)
    done = run(place, HEAD.replace(SERVER, f"{SERVER}\n  timeout: 1s") + entry("a"))
    assert done.code == 1, done.err


def test_files_that_are_none(place: Path) -> None:
    (place / "folder").mkdir()
    (place / "bytes").write_bytes(b"\xff\xfe")
    (place / "large").write_text("#" * (1024 * 1024 + 1))
    for name, fault in {
        "folder": "folder cannot be read (is a directory)",
        "missing": "missing cannot be read (no such file or directory)",
        "bytes": "bytes is not UTF-8 text",
        "large": "large is larger than 1 MiB; split it into several files",
    }.items():
        done = run_client("rotate-fleet", name, cwd=place)
        assert (done.code, done.out) == (10, "")
        assert done.err.startswith(f"Error: {fault}\n")


def test_the_command_needs_one_file(place: Path) -> None:
    done = run(place, HEAD + entry("a"), "--fleet-file", "fleet.yml")
    assert done.code == 10
    assert "name one file: rotate-fleet FILE, or --fleet-file FILE" in done.err
    assert run_client("rotate-fleet", cwd=place).code == 10
    assert run_client("rotate-fleet", "fleet.yml", "fleet.yml", cwd=place).code == 10
