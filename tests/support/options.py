"""Which command takes which options, as the table that builds the command line says."""

from signotaur_action.options.commands import COMMANDS
from signotaur_action.options.declare import Option


def options_of(*path: str) -> list[Option]:
    """The options of a command, in the order of its help."""
    return list(COMMANDS[" ".join(path)].options)
