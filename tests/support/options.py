"""Which command takes which options, as the command line itself declares it."""

import typer.main

from signotaur_action.cli import app
from signotaur_action.options.common import OPTIONS, Option


def options_of(*path: str) -> list[Option]:
    """The options of a command, in the order in which they are declared."""
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    taken = {parameter.name for parameter in command.params}
    return [option for option in OPTIONS.values() if option.parameter in taken]
