"""Every example in README and manual is run, and every table compared with what the code says."""

import os
import re
import subprocess
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from docs.pages import BLOCKS, PAGES, ROOT, after, block, table
from docs.shell import BIN, PLACEHOLDER, shell
from signing.samples import tiny_pe
from signotaur_action.errors import ExitCode
from signotaur_action.options.commands import OPTIONS
from support.client import run_client
from support.keyserver import KeyServer
from support.options import options_of

CLIENT_EXAMPLES = [
    block["text"].strip()
    for block in BLOCKS
    if "signotaur-action " in block["text"].split("\n")[0]
    and not block["text"].startswith("signotaur-action sign ")
    and not block["mark"]  # the tests of its own folder run it
]


def test_no_example_is_left_out() -> None:
    dealt_with = {
        "make demo",
        "python3 -m venv",
        "signotaur-action",
        'echo "$SIGNOTAUR_API_KEY" | signotaur-action auth set-key',
        "signotaur-keyserver",
        "openssl rand -base64 24",
        "name: Rotate the signing key",
        "- uses: OWNER/signotaur-action/cli@",
        "defaults:\n",
    }
    for each in BLOCKS:
        assert any(each["text"].startswith(start) for start in dealt_with), each["text"]
    assert len(CLIENT_EXAMPLES) >= 9


@pytest.mark.parametrize("example", CLIENT_EXAMPLES)
def test_a_client_example_works_unchanged(
    example: str, shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    key_file = tmp_path / ".signotaur" / "api_key.txt"
    key_file.parent.mkdir()
    key_file.touch(mode=0o600)
    key_file.write_text(key)

    done = shell(
        example.replace(PLACEHOLDER, shared_server.url),
        tmp_path,
        SIGNOTAUR_CA_FILE=str(shared_server.ca_file),
        SIGNOTAUR_API_KEY=key,
    )

    assert done.returncode == 0, done.stderr
    assert re.search("^(Next|Next steps|Stored):", done.stderr, re.MULTILINE)


def test_the_signing_example_signs_what_it_names(own_server: KeyServer, tmp_path: Path) -> None:
    owner = own_server.add_user("signer")
    certificate = ("--label", "production", "--self-signed", "--subject", "CN=Example")
    own_server.command("cert", "add", *certificate, "--key-type", "ec-p256", "--user", owner)
    key_file = tmp_path / ".signotaur" / "api_key.txt"
    key_file.parent.mkdir()
    key_file.write_text(own_server.add_key(owner))
    (tmp_path / "dist" / "x64").mkdir(parents=True)
    program = tiny_pe(tmp_path / "dist" / "x64" / "app.exe")
    left_out = tiny_pe(tmp_path / "dist" / "app.test.exe")
    before = program.read_bytes(), left_out.read_bytes()

    example = block("signotaur-action sign ").replace(PLACEHOLDER, own_server.url)
    done = shell(example, tmp_path, SIGNOTAUR_CA_FILE=str(own_server.ca_file))

    assert done.returncode == 0, done.stderr
    assert program.read_bytes() != before[0]
    assert left_out.read_bytes() == before[1]


def command_lines() -> list[str]:
    """The command lines of all processes of this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # a process that has just ended
            found.append(path.read_text(errors="replace"))
    return found


def test_make_demo_works_and_leaves_nothing(tmp_path: Path) -> None:
    assert "demo: $(STAMP)" in (ROOT / "Makefile").read_text()
    done = shell("python -I -m signotaur_demo", tmp_path, TMPDIR=str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert "no key lost, none shown, nobody locked out" in done.stdout
    assert not re.search(r"sig_[0-9A-Za-z]{15}_", done.stdout + done.stderr)
    assert list(tmp_path.iterdir()) == []
    assert not [line for line in command_lines() if str(tmp_path) in line]


def test_the_self_hosted_workflow_rotates_only_when_it_is_due(
    shared_server: KeyServer, tmp_path: Path, fresh_name: str
) -> None:
    step = yaml.safe_load(block("name: Rotate the signing key of this machine"))["jobs"]["rotate"][
        "steps"
    ][0]
    key_file = tmp_path / "api_key.txt"
    env = {
        "SIGNOTAUR_SERVER": shared_server.url,
        "SIGNOTAUR_CA_FILE": str(shared_server.ca_file),
        "KEY_FILE": str(key_file),
    }
    assert set(step["env"]) == {"SIGNOTAUR_SERVER", "KEY_FILE"}
    outcomes = []
    for lifetime in ("90d", "20d"):
        key_file.write_text(shared_server.add_key(name=fresh_name, expires_in=lifetime))
        before = key_file.read_text()
        done = shell(step["run"], tmp_path, **env)
        assert done.returncode == 0, done.stderr
        outcomes.append(key_file.read_text() != before)

    assert outcomes == [False, True]


def test_the_step_for_other_systems_gives_the_inputs_of_the_hosted_workflow() -> None:
    [step] = yaml.safe_load(block("- uses: OWNER/signotaur-action/cli@"))
    [_, hosted] = yaml.safe_load(block("name: Rotate the signing key\n"))["jobs"]["rotate"]["steps"]
    assert step["with"] == hosted["with"]
    assert step["uses"].replace("/cli@", "@") == hosted["uses"]
    assert (ROOT / "cli" / "action.yml").is_file()


def test_the_key_servers_commands_work_unchanged(tmp_path: Path) -> None:
    first = block("signotaur-keyserver user add")
    serve = block("signotaur-keyserver serve")
    examples = [each["text"] for each in BLOCKS if each["text"].startswith("signotaur-keyserver ")]
    later = [example for example in examples if example not in (first, serve)]
    done = shell("\n".join([first, *later]), tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "api_key.txt").read_text().startswith("sig_")

    serve = serve.strip().replace("--port 8443", "--port 0")
    server = subprocess.Popen(
        ["bash", "-c", f"exec {serve}"],
        cwd=tmp_path,
        env={"PATH": f"{BIN}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert '"url": "https://127.0.0.1:' in server.stdout.readline()
    finally:
        server.terminate()
        server.communicate(timeout=60)


COMMANDS = {
    "rotate-key": ("rotate-key",),
    "rotate-fleet": ("rotate-fleet",),
    "confirm-rotation": ("confirm-rotation",),
    "guard": ("guard",),
    "auth set-key": ("auth", "set-key"),
    "sign": ("sign",),
    "verify": ("verify",),
    "timestamp": ("timestamp",),
    "config": ("config",),
    "init": ("init",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_table_matches_the_code(command: str) -> None:
    """The first command's table is whole, the others hold what they add to it."""
    shared = set() if command == "rotate-key" else set(options_of("rotate-key"))
    declared = [
        [
            ", ".join(f"`{flag}`" for flag in (*option.short, f"--{option.name}")),
            f"`{option.environment}`" if option.environment else "",
            f"`{option.default}`" if option.default else "",
            option.help,
        ]
        for option in options_of(*COMMANDS[command])
        if option not in shared
    ]
    assert table(f"options: {command}") == declared


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "rotate-key"])
def test_a_command_lists_the_options_that_it_shares_with_rotate_key(command: str) -> None:
    listed = after(f"shared options: {command}").split(", ")
    own = {row[0].split(", ")[-1] for row in table(f"options: {command}")}
    declared = [f"`--{option.name}`" for option in options_of(*COMMANDS[command])]
    assert listed == [name for name in declared if name not in own]


def test_every_option_is_in_a_table() -> None:
    taken = {option.name for path in COMMANDS.values() for option in options_of(*path)}
    assert taken == set(OPTIONS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_every_option_with_its_default_and_variable(command: str) -> None:
    shown = run_client(*COMMANDS[command], "--help", env={"COLUMNS": "200"}).out
    words = " ".join(shown.split()).replace("api- key", "api-key")  # wrapped at a hyphen
    for option in options_of(*COMMANDS[command]):
        for flag in (*option.short, f"--{option.name}"):
            assert re.search(rf"(^|[ ,]){re.escape(flag)}\b", words), flag
        assert " ".join(option.full_help.split()) in words


def test_the_exit_code_table_is_the_enumeration() -> None:
    assert [int(row[0]) for row in table("exit codes")] == [int(code) for code in ExitCode]


def test_the_output_table_is_what_a_rotation_sets(
    shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    outputs.touch()
    done = run_client(
        "rotate-key",
        *shared_server.options,
        "--emit-secret",
        "github-output",
        env={
            "SIGNOTAUR_API_KEY": key,
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(outputs),
            "RUNNER_TEMP": str(tmp_path),
        },
    )
    assert done.code == 0, done.said
    written = re.findall(r"^(\S+)<<ghadelimiter_", outputs.read_text(), re.MULTILINE)
    of_the_guard = {"state", "days-left", "certificate-thumbprint", "certificate-expires-at"}
    assert {*written, *of_the_guard, "failed-keys"} == {
        row[0].strip("`") for row in table("outputs")
    }


def test_the_json_members_are_the_documented_ones(
    shared_server: KeyServer, key: str, tmp_path: Path
) -> None:
    page = PAGES["docs/commands/rotate-key.md"]
    sentence = page.split("`--json` prints one object on stdout with ")[1].split(". It never")[0]
    documented = set(re.findall(r"`(\w+)`", sentence))
    good = run_client(
        "rotate-key", *shared_server.options, "--json", "--state-dir", tmp_path,
        env={"SIGNOTAUR_API_KEY": key},
    )  # fmt: skip
    bad = run_client("rotate-key", "--json")
    assert (good.json.keys() - {"apiKey"}) | (bad.json.keys() - {"rotated"}) == documented


def test_the_console_commands_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["scripts"]) == {"signotaur-action", "signotaur-keyserver"}
