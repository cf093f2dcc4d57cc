"""The options of the vendor's tool: the table of the manual, and what the client accepts."""

import re

import pytest

from docs.pages import table
from signotaur_action.options.commands import COMMANDS, IGNORED
from support.client import run_client

ROWS = table("options of the tool")


def flags(cell: str) -> set[str]:
    return set(re.findall(r"`(-[^`]+)`", cell))


def test_the_table_is_true() -> None:
    ignored = [set(option.flags) for option in IGNORED]
    for command, option, here in ROWS:
        if here.startswith("ignored"):
            assert command == "all"
            assert flags(option) in ignored, option
            continue
        known = [{*each.short, str(each)} for each in COMMANDS[command].options]
        assert (flags(option) in known) is here.startswith("same"), (command, option)


def test_every_ignored_option_is_in_the_table() -> None:
    listed = [flags(option) for _, option, here in ROWS if here.startswith("ignored")]
    assert sorted(map(sorted, listed)) == sorted(sorted(option.flags) for option in IGNORED)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_accepts_what_it_ignores(command: str) -> None:
    words = [word for option in IGNORED for word in option.flags]
    values = [f"{word}=Dark" if word == "--theme" else word for word in words]
    done = run_client(*command.split(), *values, "--help")
    assert done.code == 0, done.said
    assert not any(f"{word} " in done.out for word in words)


def test_they_are_accepted_before_the_command_too() -> None:
    assert run_client("--nc", "--theme", "Dark", "rotate-key", "--help").code == 0
