"""``rotate-key --tool``: the real client, a stand-in for the tool, the real key server."""

import json
import signal
import stat
import time
from pathlib import Path

import pytest

from support.client import start_client
from vendor_tool.conftest import ToolDesk

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


def test_the_new_key_reaches_the_destination(desk: ToolDesk) -> None:
    old = desk.key_file.read_text().strip()
    done = desk.rotate_by_tool("--overlap-days", "9", "--json")
    assert done.code == 0, done.said
    new = desk.key_file.read_text().strip()
    [row] = desk.ledger.successors(old)
    assert desk.ledger.id_of(new) == row["id"] == done.json["keyId"]
    assert done.json["oldKeyId"] is None
    assert done.json["confirmed"] is True
    assert f"Rotated the old key to key {row['id']}." in done.err
    assert desk.leftovers() == []
    assert stat.S_IMODE(desk.key_file.stat().st_mode) == 0o600


def test_the_tool_gets_documented_options_and_never_the_key(desk: ToolDesk) -> None:
    old = desk.key_file.read_text().strip()
    token = {"GH_TOKEN": "ghp_0123456789", "AWS_SECRET_ACCESS_KEY": "x" * 20}
    assert desk.rotate_by_tool("--no-auto-revoke", env=token).code == 0
    [call] = desk.tool.calls
    argv = call["argv"]
    assert argv[:7] == [
        *("rotate-key", "--api-key-name", "SIGNOTAUR_API_KEY"),
        *("-s", desk.server.url, "--overlap-days", "7"),
    ]
    assert argv[7:9] == ["--no-auto-revoke", "--emit-secret"]
    assert argv[9].startswith("template:[")
    assert old not in json.dumps(argv)
    assert call["environ"]["SIGNOTAUR_API_KEY"] == old
    assert not token.keys() & call["environ"].keys()


@pytest.mark.parametrize("noise", NOISE)
def test_nothing_else_in_the_output_is_taken_for_the_answer(desk: ToolDesk, noise: str) -> None:
    old = desk.key_file.read_text().strip()
    desk.tool.behaves(**NOISE[noise])
    done = desk.rotate_by_tool()
    assert done.code == 0, done.said
    [row] = desk.ledger.successors(old)
    assert desk.ledger.of(desk.key_file.read_text().strip())["id"] == row["id"]
    assert desk.leftovers() == []


def test_a_failed_delivery_is_finished_without_another_rotation(desk: ToolDesk) -> None:
    old = desk.key_file.read_text().strip()
    sink = desk.folder / "store"
    sink.write_text("#!/bin/sh\nexit 7\n")
    sink.chmod(0o755)
    arguments = ("--emit-secret", f"command:{sink}")
    options = ("rotate-key", "--sign-server", desk.server.url, "--tool", desk.tool.program)
    source = ("--api-key-file", desk.key_file, "--state-dir", desk.folder / "state")
    failed = desk.run(*options, *source, *arguments)
    assert failed.code == 12, failed.said
    assert "the server has scheduled that already" in failed.err
    assert "not armed" not in failed.err
    sink.write_text(f"#!/bin/sh\ncat > {desk.folder}/stored\n")
    done = desk.run(*options, *source, *arguments)
    assert done.code == 0, done.said
    [row] = desk.ledger.successors(old)
    assert desk.ledger.of((desk.folder / "stored").read_text())["id"] == row["id"]
    assert len(desk.tool.calls) == 1
    assert desk.leftovers() == []


# Failures of the tool


@pytest.mark.parametrize(("tool", "ours"), [(1, 1), (2, 2), (3, 3), (5, 1), (120, 1)])
def test_documented_exit_codes_are_ours_and_others_are_1(
    desk: ToolDesk, tool: int, ours: int
) -> None:
    old = desk.key_file.read_text()
    desk.tool.behaves(code=tool, message="The role is missing.")
    done = desk.rotate_by_tool()
    assert done.code == ours, done.said
    assert f"The tool ended with {tool}: The role is missing." in done.err
    assert desk.key_file.read_text() == old


def test_after_a_failure_that_the_tool_reports_the_same_command_rotates(desk: ToolDesk) -> None:
    desk.tool.behaves(code=1)
    assert desk.rotate_by_tool().code == 1
    desk.tool.behaves()
    done = desk.rotate_by_tool()
    assert done.code == 0, done.said
    assert desk.leftovers() == []


@pytest.mark.parametrize("when", ["before the server", "before the output"])
def test_a_tool_that_dies_is_not_started_again_by_itself(desk: ToolDesk, when: str) -> None:
    """Nobody knows whether the server rotated; only a person can look."""
    old = desk.key_file.read_text().strip()
    desk.tool.behaves(die=when)
    first = desk.rotate_by_tool()
    assert first.code == 1, first.said
    assert "It is not known whether the server rotated the key." in first.err
    second = desk.rotate_by_tool()
    assert second.code == 12, second.said
    assert "--again" in second.err
    assert len(desk.tool.calls) == 1
    desk.tool.behaves()
    third = desk.rotate_by_tool("--again")
    assert third.code == 0, third.said
    assert desk.key_file.read_text().strip() != old
    assert len(desk.tool.calls) == 2


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_an_answer_that_is_cut_is_no_key(desk: ToolDesk, part: float) -> None:
    old = desk.key_file.read_text()
    desk.tool.behaves(cut_after=part)
    done = desk.rotate_by_tool()
    assert done.code == 1, done.said
    assert desk.key_file.read_text() == old


def test_an_output_without_the_template_is_kept(desk: ToolDesk) -> None:
    desk.tool.behaves(ignores_template=True)
    done = desk.rotate_by_tool()
    assert done.code == 12, done.said
    [answer] = desk.folder.rglob("*.answer")
    assert str(answer) in done.err
    assert answer.read_text() == "The new key was written to your profile."
    assert stat.S_IMODE(answer.stat().st_mode) == 0o600


def test_a_tool_that_takes_too_long_is_ended(desk: ToolDesk) -> None:
    desk.tool.behaves(delay=600)
    done = desk.rotate_by_tool("--timeout", "2s")
    assert done.code == 1, done.said
    assert "The tool took too long and was stopped." in done.err


def test_the_key_is_not_in_what_is_shown_of_a_failure(desk: ToolDesk) -> None:
    old = desk.key_file.read_text().strip()
    desk.tool.behaves(code=1, message=f"key {old} is refused; {old[::1].encode().hex()}")
    done = desk.rotate_by_tool()
    assert done.code == 1
    assert old not in done.said.replace(f"::add-mask::{old}", "")
    assert old.encode().hex() not in done.said


# Not due


def test_a_key_that_is_not_due_stays(desk: ToolDesk) -> None:
    old = desk.key_file.read_text()
    desk.tool.behaves(not_due=True)
    done = desk.rotate_by_tool("--if-expiring-within", "7d", "--json")
    assert done.code == 0, done.said
    assert done.json["rotated"] is False
    assert "Not due: the key does not expire within 7 days." in done.err
    assert desk.tool.calls[0]["argv"][-4:-2] == ["--if-expiring-within", "7d"]
    assert desk.key_file.read_text() == old
    assert desk.leftovers() == []


def test_an_older_tool_without_the_option_is_named(desk: ToolDesk) -> None:
    desk.tool.behaves(version=1)
    done = desk.rotate_by_tool("--if-expiring-within", "7d")
    assert done.code == 2, done.said  # argparse's code for an unknown option


# Kills


def test_a_run_that_is_killed_while_the_tool_works_loses_nothing(desk: ToolDesk) -> None:
    """The tool goes on and writes to the file; the same command finds the key there."""
    old = desk.key_file.read_text().strip()
    desk.tool.behaves(delay=2)
    run = start_client(
        "rotate-key",
        *("--sign-server", desk.server.url, "--tool", str(desk.tool.program)),
        *("--api-key-file", str(desk.key_file), "--write-key-file", str(desk.key_file)),
        env={"HOME": str(desk.home)},
        cwd=desk.cwd,
    )
    _wait_for(desk.tool.folder / "calls.jsonl")
    run.send_signal(signal.SIGKILL)
    run.communicate()
    while (busy := desk.rotate_by_tool()).code == 14:
        assert "still running" in busy.err
        time.sleep(0.2)
    assert busy.code == 0, busy.said
    [row] = desk.ledger.successors(old)
    assert desk.ledger.of(desk.key_file.read_text().strip())["id"] == row["id"]
    assert len(desk.tool.calls) == 1
    assert desk.leftovers() == []


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
    desk: ToolDesk, arguments: tuple[str, ...], fault: str
) -> None:
    done = desk.rotate_by_tool(*arguments)
    assert done.code == 10, done.said
    assert fault in done.err
    assert desk.tool.calls == []


@pytest.mark.parametrize(
    "command", [("guard", "--fail-if-expiring-within", "7d"), ("confirm-rotation",)]
)
def test_other_commands_refuse_the_tool(desk: ToolDesk, command: tuple[str, ...]) -> None:
    done = desk.run(
        *command,
        *("--sign-server", desk.server.url, "--api-key-file", desk.key_file),
        env={"SIGNOTAUR_TOOL": str(desk.tool.program)},
    )
    assert done.code == 10, done.said
    assert f"{command[0]} is not possible with --tool" in done.err


def test_a_dry_run_starts_no_tool(desk: ToolDesk) -> None:
    done = desk.rotate_by_tool("--dry-run")
    assert done.code == 0, done.said
    assert "Dry run: would rotate this key." in done.err
    assert desk.tool.calls == []
