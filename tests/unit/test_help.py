"""What ``--help`` shows on a terminal of 80 columns, of every command of client and server."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.main import get_command

from signotaur_action.options.command_line import command_line
from signotaur_keyserver.cli import command_line as server_command_line

_TYPE = re.compile(r"<(?:str|path|int|float)\b")


def contexts(name: str, command: Any) -> Iterator[typer.Context]:
    """Give a context of a command and of each command below it."""
    context = typer.Context(command, info_name=name, terminal_width=80)
    yield context
    for below in lists(context):
        yield from contexts(f"{name} {below}", command.get_command(context, below))


def lists(context: typer.Context) -> list[str]:
    """Return the names of the commands that a command's help lists."""
    command: Any = context.command
    return list(command.list_commands(context)) if hasattr(command, "list_commands") else []


CONTEXTS = [
    *contexts("signotaur-action", command_line(lambda *_, **__: 0)),
    *contexts("signotaur-keyserver", get_command(server_command_line())),
]


def name_of(context: typer.Context) -> str:
    """Return the words of a command."""
    return context.info_name or ""


@pytest.mark.parametrize("context", [each for each in CONTEXTS if lists(each)], ids=name_of)
def test_no_command_is_described_by_half_a_sentence(context: typer.Context) -> None:
    _, title, commands = context.command.get_help(context).partition("Commands:\n")
    assert title
    lines = [line for line in commands.splitlines() if line.strip()]
    assert len(lines) >= len(lists(context))
    assert [line for line in lines if line.endswith("...")] == []


@pytest.mark.parametrize("context", CONTEXTS, ids=name_of)
def test_an_option_says_what_its_value_is(context: typer.Context) -> None:
    """FILE, DURATION or URL say more than the type of the value in Python."""
    assert _TYPE.findall(context.command.get_help(context)) == []
