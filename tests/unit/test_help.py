"""The lists of commands in ``--help``: each line is whole on a terminal of 80 columns."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.main import get_command

from signotaur_action.options.command_line import command_line
from signotaur_keyserver.cli import command_line as server_command_line


def groups(name: str, command: Any) -> Iterator[Any]:
    """Give a command and the commands below it that have commands of their own."""
    if not hasattr(command, "list_commands"):
        return
    context = typer.Context(command, info_name=name, terminal_width=80)
    yield pytest.param(context, id=name)
    for below in command.list_commands(context):
        yield from groups(f"{name} {below}", command.get_command(context, below))


CLIENT = command_line(lambda *_, **__: 0)
SERVER = get_command(server_command_line())


@pytest.mark.parametrize(
    "context", [*groups("signotaur-action", CLIENT), *groups("signotaur-keyserver", SERVER)]
)
def test_no_command_is_described_by_half_a_sentence(context: typer.Context) -> None:
    _, title, commands = context.command.get_help(context).partition("Commands:\n")
    assert title
    lines = [line for line in commands.splitlines() if line.strip()]
    assert len(lines) >= len(context.command.list_commands(context))  # type: ignore[attr-defined]
    assert [line for line in lines if line.endswith("...")] == []
