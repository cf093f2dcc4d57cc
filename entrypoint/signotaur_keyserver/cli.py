"""The command line: its commands, and the one place that turns an outcome into an exit code.

The module of a command is loaded by ``_add`` when it is the command that runs: the server's own
libraries take longer to load than most commands run.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, cast

import typer
from typer.main import get_command

from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.database.errors import DatabaseUnavailableError
from signotaur_keyserver.pki.master_key import MasterKeyError
from signotaur_keyserver.runtime.errors import ServerError
from signotaur_keyserver.service.administration import AdministrationError

OK = 0
FAILURE = 1
USAGE = 10

# Typer before 0.28 took these from click, since then from a copy of its own; both are reached
# through the one name that it always exports.
_CliUsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])

_GROUPS: Mapping[str, str] = {
    "user": "users",
    "key": "keys",
    "cert": "certificates",
    "events": "events",
    "trust": "trusts",
    "policy": "policies",
    "webhook": "webhooks",
    "master-key": "master_keys",
}
"""Groups of commands, and the module whose ``app`` each is."""

_COMMANDS: Mapping[str, str] = {
    "serve": "serve",
    "sweep": "maintenance",
    "backup": "backups",
    "restore": "backups",
    "migrate": "maintenance",
}
"""Commands, and the module whose function of the same name each is."""


def command_line(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the command that the arguments begin with; all of them where they name none."""
    app = typer.Typer(
        name="signotaur-keyserver",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
    )
    # With a callback, a single command is a command among others.
    app.callback(help="A self-hosted key server that rotates API keys without losing one.")(_main)
    known = [*_GROUPS, *_COMMANDS]
    asked = [name for name in arguments[:1] if name in known]
    for name in asked or known:
        _add(app, name)
    return app


def _main() -> None:
    """Do nothing before a command."""


def _add(app: typer.Typer, name: str) -> None:
    module: Any = import_module(
        f"signotaur_keyserver.commands.{_GROUPS.get(name) or _COMMANDS[name]}"
    )
    if name in _GROUPS:
        app.add_typer(module.app, name=name)
    else:
        app.command()(getattr(module, name))


def run(arguments: Sequence[str]) -> int:
    """Run one command; return 0 for success, 1 for a failure, 10 for usage and configuration."""
    command = get_command(command_line(arguments))
    try:
        outcome = command.main(
            list(arguments), prog_name="signotaur-keyserver", standalone_mode=False
        )
    except _CliUsageError as error:
        return _fail(USAGE, getattr(error, "format_message", error.__str__)())
    except CommandError as fault:
        return _fail(USAGE, str(fault))
    except (AdministrationError, DatabaseUnavailableError, ServerError, MasterKeyError) as error:
        return _fail(FAILURE, str(error))
    return outcome if isinstance(outcome, int) else OK


def _fail(code: int, message: str) -> int:
    typer.echo(f"signotaur-keyserver: {message}", err=True)
    return code
