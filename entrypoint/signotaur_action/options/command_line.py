"""The command line, built from the table in ``options.commands`` by Typer's own classes.

A command's parameters are made only for the command that runs: most of a start's time would
otherwise go into parameters that nobody uses.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from signotaur_action.options.commands import COMMANDS, IGNORED, Arguments, Command, Ignored
from signotaur_action.options.declare import Option

_SETTINGS = {"help_option_names": ["-h", "--help"]}
_GROUPS = {"auth": "Store API keys."}

Run = Callable[..., int]
"""Runs a module of ``commands`` with the values given, by parameter name."""


def command_line(run: Run) -> TyperGroup:
    """Return the whole command line; ``run`` is called for the command that was chosen."""
    return _Commands(
        run,
        name="signotaur-action",
        help="Rotate the API keys of a code-signing server from CI.",
        params=[
            TyperOption(
                param_decls=["--version"],
                is_flag=True,
                expose_value=False,
                help="Show the version and exit.",
            ),
            *map(_ignored, IGNORED),
        ],
    )


class _Commands(TyperGroup):
    """The commands whose names start with a prefix: all of them, or those of ``auth``."""

    def __init__(self, run: Run, prefix: str = "", **settings: Any) -> None:
        names = [name.removeprefix(prefix) for name in COMMANDS if name.startswith(prefix)]
        # Typer lists and suggests names by the keys alone; ``get_command`` makes the commands.
        commands: dict[str, Any] = dict.fromkeys(name.partition(" ")[0] for name in names)
        super().__init__(
            commands=commands, rich_markup_mode=None, context_settings=_SETTINGS, **settings
        )
        self._run = run
        self._prefix = prefix

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """See Typer."""
        del ctx
        name = f"{self._prefix}{cmd_name}"
        if name in COMMANDS:
            return _command(name, COMMANDS[name], self._run)
        if name in _GROUPS:
            return _Commands(self._run, f"{name} ", name=cmd_name, help=_GROUPS[name])
        return None


class _GroupedCommand(TyperCommand):
    """A command whose help lists its options under headings."""

    headings: Sequence[str] = ()

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """See Typer."""
        shown = [parameter for parameter in self.get_params(ctx) if not is_hidden(parameter)]
        records = [parameter.get_help_record(ctx) for parameter in shown]
        for heading, rows in groupby(zip(self.headings, records, strict=True), lambda row: row[0]):
            with formatter.section(heading):
                formatter.write_dl([record for _, record in rows])


def _command(name: str, command: Command, run: Run) -> TyperCommand:
    arguments = [_arguments(command.arguments)] if command.arguments else []
    built = _GroupedCommand(
        name.rpartition(" ")[2],
        callback=partial(run, command.module),
        params=[*arguments, *map(_option, command.options), *map(_ignored, IGNORED)],
        help=command.help,
        context_settings=_SETTINGS,
        rich_markup_mode=None,
    )
    groups = [option.group for option in command.options]
    built.headings = [*("Arguments" for _ in arguments), *groups, groups[-1]]  # last: --help
    return built


def _option(option: Option) -> TyperOption:
    return TyperOption(
        param_decls=[option.parameter, *option.short, f"--{option.name}"],
        help=option.full_help,
        metavar=option.metavar or None,
        is_flag=option.is_flag,
        multiple=option.repeatable,
    )


def _ignored(option: Ignored) -> TyperOption:
    return TyperOption(
        param_decls=list(option.flags),
        is_flag=not option.takes_value,
        multiple=option.takes_value,
        hidden=True,
        expose_value=False,
    )


def is_hidden(parameter: Any) -> bool:
    """Return whether --help leaves a parameter out."""
    return bool(getattr(parameter, "hidden", False))


def _arguments(arguments: Arguments) -> TyperArgument:
    return TyperArgument(
        param_decls=[arguments.name],
        metavar=arguments.metavar,
        help=arguments.help,
        nargs=-1,
    )
