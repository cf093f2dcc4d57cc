"""What is wrong with a fleet file: each fault with its line and what corrects it, all at once.

Nothing is sent before the file is right: these files name a server that does not exist.
"""

import os
import re
from pathlib import Path

import pytest

from fleet.harness import Fleet
from signotaur_wire import keyformat
from support.client import Finished, run_client

KEY = keyformat.generate()
NOBODY = 65534
SERVER = "https://127.0.0.1:9"
HEAD = f"defaults:\n  sign-server: {SERVER}\nkeys:\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with three key files."""
    tmp_path.chmod(0o700)
    for name in ("a", "b", "c"):
        file = tmp_path / f"{name}.txt"
        file.write_text(keyformat.generate())
        file.chmod(0o600)
    return tmp_path


def entry(name: str, source: str = "", destination: str = "") -> str:
    return (
        f"  {name}:\n    api-key-file: {source or name}.txt\n"
        f"    write-key-file: {destination or name}.txt\n"
    )


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


CASES = {
    "empty": ("", "1: the file is empty; it needs the member keys"),
    "a text": ("hello\n", "1: the file must be a mapping: lines with NAME: VALUE"),
    "no keys": ("defaults: {}\n", "1: the member keys is missing: it lists the keys by name"),
    "keys that are empty": (HEAD, "3: keys must be a mapping: lines with NAME: VALUE"),
    "keys without one": ("keys: {}\n", "1: keys lists no key"),
    "not YAML": (
        HEAD + "  a: [\n",
        "5: the file is not valid YAML: expected the node content, but found '<stream end>'",
    ),
    "an anchor": (
        HEAD + "  a: &all\n    b: 1\n",
        "4: the file is not valid YAML: anchors (&) and aliases (*) are not allowed; use the ",
    ),
    "nesting": (
        "keys:\n  a:\n    emit-secret: [[[[1]]]]\n",
        "3: the file is not valid YAML: values are nested too deeply",
    ),
    "a control character": (
        HEAD + entry("a") + "# \x00\n",
        "7: the file is not valid YAML: a character is not allowed",
    ),
    "two documents": (HEAD + entry("a") + "---\n", "7: the file is not valid YAML: but found "),
    "an unknown member": (
        HEAD + entry("a") + "    emit-secrets: stdout\n",
        "7: emit-secrets is not known here; the known members are ",
    ),
    "an unknown member of the file": (
        HEAD + entry("a") + "servers: {}\n",
        "7: servers is not known here; the known members are defaults, keys",
    ),
    "a key's own member in defaults": (
        "defaults:\n  write-key-file: a.txt\n" + HEAD.partition("\n")[2].partition("\n")[2],
        "2: write-key-file is not known here; the known members are ",
    ),
    "a member twice": (
        HEAD + entry("a") + "    write-key-file: c.txt\n",
        "7: write-key-file is given twice, first in line 6; remove one",
    ),
    "a name twice": (HEAD + entry("a") * 2, "7: a is given twice, first in line 4; remove one"),
    "a destination twice": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: [key-file:c.txt, key-file:c.txt]\n",
        "6: emit-secret names key-file:c.txt twice; remove one",
    ),
    "a destination twice in other words": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: [key-file:n, key-file:./n]\n",
        "6: a names {place}/n twice: remove one",
    ),
    "the same key twice": (
        HEAD + entry("a") + entry("b", "a", "n"),
        "7: b rotates the same key as a (line 4): keep one entry, with the destinations of both",
    ),
    "a shared destination": (
        HEAD + entry("a", "a", "n") + entry("b", "b", "./n"),
        "9: b has the same destination as a (line 4), {place}/n.txt: give each key its own",
    ),
    "the key file of another": (
        HEAD + entry("a", "a", "b") + entry("b", "b", "n"),
        "6: a would overwrite the key of b (line 7): give each key its own file",
    ),
    "a key as a member": (
        HEAD + "  a:\n    api-key: nothing\n    write-key-file: a.txt\n",
        "5: api-key is a secret and does not belong in a file: name the file or the variable",
    ),
    "a number where a flag is due": (
        HEAD + entry("a") + "    no-auto-revoke: 1\n",
        "7: no-auto-revoke must be true or false",
    ),
    "another word for true": (
        HEAD + entry("a") + "    no-auto-revoke: yes\n",
        "7: no-auto-revoke must be true or false",
    ),
    "a list where a text is due": (
        HEAD + entry("a") + "    timeout: [1s]\n",
        "7: timeout must be text, in quotes if YAML takes it otherwise",
    ),
    "a word that YAML takes otherwise": (
        HEAD + entry("a") + "    state-dir: no\n",
        "7: state-dir must be text, in quotes if YAML takes it otherwise",
    ),
    "an empty value": (
        HEAD + entry("a") + "    state-dir:\n",
        "7: state-dir must be text, in quotes if YAML takes it otherwise",
    ),
    "an empty list": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: []\n",
        "6: emit-secret is an empty list",
    ),
    "a Python object": (
        HEAD + entry("a") + "    timeout: !!python/object:os.system x\n",
        "7: timeout must be text, in quotes if YAML takes it otherwise",
    ),
    "no source": (
        HEAD + "  a:\n    write-key-file: c.txt\n",
        "4: a does not say where its key is: give api-key-file, or api-key-name for a variable",
    ),
    "no destination": (
        HEAD + "  a:\n    api-key-file: a.txt\n",
        "4: a has no destination: give one of write-key-file, write-env-file, emit-secret",
    ),
    "a destination that prints": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: template:{{{{secret}}}}\n",
        "6: template prints the key to the output of one command, and many keys share that of ",
    ),
    "a name of spaces": (
        HEAD + entry('"a b"', "a", "a"),
        "4: a b is no name of a key: use 1 to 64 letters, digits, dots, hyphens and _",
    ),
    "a wrong duration in defaults": (
        "defaults:\n  timeout: soon\n  sign-server: " + SERVER + "\nkeys:\n" + entry("a"),
        "2: a: --timeout: ",
    ),
    "a wrong overlap": (
        HEAD + entry("a") + "    overlap-days: 31\n",
        "7: a: --overlap-days: The overlap must be between 0 and 30 days, not 31.",
    ),
    "an unknown destination": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: pigeon:x\n",
        "6: a: --emit-secret has an unknown kind; the known ones are ",
    ),
    "a destination without what it needs": (
        HEAD + "  a:\n    api-key-file: a.txt\n    emit-secret: env-file:x\n",
        "6: a: env-file: needs PATH#NAME",
    ),
    "no key in the file": (
        HEAD + entry("a", "missing", "n"),
        "5: a: --api-key-file: missing.txt cannot be read (no such file or directory)",
    ),
    "a key in place of a variable's name": (
        HEAD + "  a:\n    api-key-name: a.key-of-the-vendor\n    write-key-file: c.txt\n",
        "5: api-key-name must be the name of a variable",
    ),
    "no server": ("keys:\n" + entry("a"), "2: a: --sign-server: no server is set; "),
    "a variable that is not set": (
        HEAD + entry("a") + "    variables-from:\n      GH_TOKEN: TOKEN_A\n",
        "7: a: the variable TOKEN_A is not set",
    ),
    "a variable that is an option": (
        HEAD + entry("a") + "    variables-from:\n      SIGNOTAUR_AGAIN: TOKEN_A\n",
        "8: SIGNOTAUR_AGAIN cannot be set here: name a variable of a store",
    ),
    "a value where a name is due": (
        HEAD + entry("a") + "    variables-from:\n      GH_TOKEN: not/a name\n",
        "8: the value of GH_TOKEN must be the name of a variable",
    ),
}


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
