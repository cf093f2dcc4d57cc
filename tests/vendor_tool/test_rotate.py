"""``rotate-key --tool``: the real client, a stand-in for the tool, the real key server."""

import json
import signal
import stat
import time
from pathlib import Path

import pytest

from support.client import start_client
from vendor_tool.conftest import ToolClient

NOISE: dict[str, dict[str, object]] = {
    "banner": {"before": "Signotaur 2.1\n(c) Example\n", "after": "Done."},
    "colours": {"before": "\x1b[32mok\x1b[0m \x1b]0;title\x07", "after": "\x1b[0m"},
    "byte order mark": {"encoding": "utf-8-sig"},
    "utf-16": {"encoding": "utf-16", "before": "Signotaur 2.1"},
    "utf-16 without a mark": {"encoding": "utf-16-le", "before": "Signotaur 2.1"},
    "crlf": {"line_end": "\r\n", "before": "one\r\ntwo", "after": "three\r\n"},
    "log on stderr": {"stderr": "warn: slow\n" * 5000},
    "update notice": {"before": "A new version is available: 2.2\n", "after": "Run update.\n"},
    "prompt": {"prompt": True},
    "code 5 after its answer": {"code_after": 5},
    "killed after its answer": {"die": "after the output"},
    "slow": {"delay": 1.5},
}


def test_the_new_key_reaches_the_destination(client: ToolClient) -> None:
    old = client.key_file.read_text().strip()
    done = client.rotate_by_tool("--overlap-days", "9", "--json")
    assert done.code == 0, done.said
    new = client.key_file.read_text().strip()
    [row] = client.ledger.successors(old)
    assert client.ledger.id_of(new) == row["id"] == done.json["keyId"]
    assert done.json["oldKeyId"] is None
    assert done.json["confirmed"] is True
    assert f"Rotated the old key to key {row['id']}." in done.err
    assert client.leftovers() == []
    assert stat.S_IMODE(client.key_file.stat().st_mode) == 0o600


def test_the_tool_gets_documented_options_and_never_the_key(client: ToolClient) -> None:
    old = client.key_file.read_text().strip()
    token = {"GH_TOKEN": "ghp_0123456789", "AWS_SECRET_ACCESS_KEY": "x" * 20}
    assert client.rotate_by_tool("--no-auto-revoke", env=token).code == 0
    [call] = client.tool.calls
    argv = call["argv"]
    assert argv[:7] == [
        *("rotate-key", "--api-key-name", "SIGNOTAUR_API_KEY"),
        *("-s", client.server.url, "--overlap-days", "7"),
    ]
    assert argv[7:9] == ["--no-auto-revoke", "--emit-secret"]
    assert argv[9].startswith("template:[")
    assert old not in json.dumps(argv)
    assert call["environ"]["SIGNOTAUR_API_KEY"] == old
    assert not token.keys() & call["environ"].keys()


@pytest.mark.parametrize("noise", NOISE)
def test_nothing_else_in_the_output_is_taken_for_the_answer(client: ToolClient, noise: str) -> None:
    old = client.key_file.read_text().strip()
    client.tool.behaves(**NOISE[noise])
    done = client.rotate_by_tool()
    assert done.code == 0, done.said
    [row] = client.ledger.successors(old)
    assert client.ledger.of(client.key_file.read_text().strip())["id"] == row["id"]
    assert client.leftovers() == []


def test_a_failed_delivery_is_finished_without_another_rotation(client: ToolClient) -> None:
    old = client.key_file.read_text().strip()
    sink = client.folder / "store"
    sink.write_text("#!/bin/sh\nexit 7\n")
    sink.chmod(0o755)
    arguments = ("--emit-secret", f"command:{sink}")
    options = ("rotate-key", "--sign-server", client.server.url, "--tool", client.tool.program)
    source = ("--api-key-file", client.key_file, "--state-dir", client.folder / "state")
    failed = client.run(*options, *source, *arguments)
    assert failed.code == 12, failed.said
    assert "the server has scheduled that already" in failed.err
    assert "not armed" not in failed.err
    sink.write_text(f"#!/bin/sh\ncat > {client.folder}/stored\n")
    done = client.run(*options, *source, *arguments)
    assert done.code == 0, done.said
    [row] = client.ledger.successors(old)
    assert client.ledger.of((client.folder / "stored").read_text())["id"] == row["id"]
    assert len(client.tool.calls) == 1
    assert client.leftovers() == []


# Failures of the tool


@pytest.mark.parametrize(("tool", "ours"), [(1, 1), (2, 2), (3, 3), (5, 1), (120, 1)])
def test_documented_exit_codes_are_ours_and_others_are_1(
    client: ToolClient, tool: int, ours: int
) -> None:
    old = client.key_file.read_text()
    client.tool.behaves(code=tool, message="The role is missing.")
    done = client.rotate_by_tool()
    assert done.code == ours, done.said
    assert f"The tool ended with {tool}: The role is missing." in done.err
    assert client.key_file.read_text() == old


def test_after_a_failure_that_the_tool_reports_the_same_command_rotates(client: ToolClient) -> None:
    client.tool.behaves(code=1)
    assert client.rotate_by_tool().code == 1
    client.tool.behaves()
    done = client.rotate_by_tool()
    assert done.code == 0, done.said
    assert client.leftovers() == []


@pytest.mark.parametrize("when", ["before the server", "before the output"])
def test_a_tool_that_dies_is_not_started_again_by_itself(client: ToolClient, when: str) -> None:
    """Nobody knows whether the server rotated; only a person can look."""
    old = client.key_file.read_text().strip()
    client.tool.behaves(die=when)
    first = client.rotate_by_tool()
    assert first.code == 1, first.said
    assert "It is not known whether the server rotated the key." in first.err
    second = client.rotate_by_tool()
    assert second.code == 12, second.said
    assert "--again" in second.err
    assert len(client.tool.calls) == 1
    client.tool.behaves()
    third = client.rotate_by_tool("--again")
    assert third.code == 0, third.said
    assert client.key_file.read_text().strip() != old
    assert len(client.tool.calls) == 2


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_an_answer_that_is_cut_is_no_key(client: ToolClient, part: float) -> None:
    old = client.key_file.read_text()
    client.tool.behaves(cut_after=part)
    done = client.rotate_by_tool()
    assert done.code == 1, done.said
    assert client.key_file.read_text() == old


def test_an_output_without_the_template_is_kept(client: ToolClient) -> None:
    client.tool.behaves(ignores_template=True)
    done = client.rotate_by_tool()
    assert done.code == 12, done.said
    [answer] = client.folder.rglob("*.answer")
    assert str(answer) in done.err
    assert answer.read_text() == "The new key was written to your profile."
    assert stat.S_IMODE(answer.stat().st_mode) == 0o600


def test_a_tool_that_takes_too_long_is_ended(client: ToolClient) -> None:
    client.tool.behaves(delay=600)
    done = client.rotate_by_tool("--timeout", "2s")
    assert done.code == 1, done.said
    assert "The tool took too long and was stopped." in done.err


def test_the_key_is_not_in_what_is_shown_of_a_failure(client: ToolClient) -> None:
    old = client.key_file.read_text().strip()
    client.tool.behaves(code=1, message=f"key {old} is refused; {old[::1].encode().hex()}")
    done = client.rotate_by_tool()
    assert done.code == 1
    assert old not in done.said.replace(f"::add-mask::{old}", "")
    assert old.encode().hex() not in done.said


# Not due


def test_a_key_that_is_not_due_stays(client: ToolClient) -> None:
    old = client.key_file.read_text()
    client.tool.behaves(not_due=True)
    done = client.rotate_by_tool("--if-expiring-within", "7d", "--json")
    assert done.code == 0, done.said
    assert done.json["rotated"] is False
    assert "Not due: the key does not expire within 7 days." in done.err
    assert client.tool.calls[0]["argv"][-4:-2] == ["--if-expiring-within", "7d"]
    assert client.key_file.read_text() == old
    assert client.leftovers() == []


def test_an_older_tool_without_the_option_is_named(client: ToolClient) -> None:
    client.tool.behaves(version=1)
    done = client.rotate_by_tool("--if-expiring-within", "7d")
    assert done.code == 2, done.said  # argparse's code for an unknown option


# Kills


def test_a_run_that_is_killed_while_the_tool_works_loses_nothing(client: ToolClient) -> None:
    """The tool goes on and writes to the file; the same command finds the key there."""
    old = client.key_file.read_text().strip()
    client.tool.behaves(delay=2)
    run = start_client(
        "rotate-key",
        *("--sign-server", client.server.url, "--tool", str(client.tool.program)),
        *("--api-key-file", str(client.key_file), "--write-key-file", str(client.key_file)),
        env={"HOME": str(client.home)},
        cwd=client.cwd,
    )
    _wait_for(client.tool.folder / "calls.jsonl")
    run.send_signal(signal.SIGKILL)
    run.communicate()
    while (busy := client.rotate_by_tool()).code == 14:
        assert "still running" in busy.err
        time.sleep(0.2)
    assert busy.code == 0, busy.said
    [row] = client.ledger.successors(old)
    assert client.ledger.of(client.key_file.read_text().strip())["id"] == row["id"]
    assert len(client.tool.calls) == 1
    assert client.leftovers() == []


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


# Refused before anything is sent


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--defer-confirm",), "--defer-confirm is not possible with --tool"),
        (("--overlap-days", "0"), "--overlap-days 0 with --tool"),
        (("--tool", "/nonexistent/tool"), "/nonexistent/tool is not a program"),
    ],
)
def test_what_the_tool_cannot_do_is_refused(
    client: ToolClient, arguments: tuple[str, ...], fault: str
) -> None:
    done = client.rotate_by_tool(*arguments)
    assert done.code == 10, done.said
    assert fault in done.err
    assert client.tool.calls == []


@pytest.mark.parametrize(
    "command", [("guard", "--fail-if-expiring-within", "7d"), ("confirm-rotation",)]
)
def test_other_commands_refuse_the_tool(client: ToolClient, command: tuple[str, ...]) -> None:
    done = client.run(
        *command,
        *("--sign-server", client.server.url, "--api-key-file", client.key_file),
        env={"SIGNOTAUR_TOOL": str(client.tool.program)},
    )
    assert done.code == 10, done.said
    assert f"{command[0]} is not possible with --tool" in done.err


def test_a_dry_run_starts_no_tool(client: ToolClient) -> None:
    done = client.rotate_by_tool("--dry-run")
    assert done.code == 0, done.said
    assert "Dry run: would rotate this key." in done.err
    assert client.tool.calls == []


def test_a_run_that_the_tool_began_is_not_finished_without_it(client: ToolClient) -> None:
    """Before, each run without the tool ended with an internal error."""
    client.tool.behaves(code=9)
    assert client.rotate_by_tool().code == 1
    without = [word for word in client.words() if word not in ("--tool", client.tool.program)]
    for _ in range(2):
        done = client.run(*without)
        assert done.code == 1
        assert "An earlier run began to rotate this key with --tool" in done.err
        assert "Run the command with --tool again." in done.err
    client.tool.behaves()
    assert client.rotate_by_tool("--again").code == 0
