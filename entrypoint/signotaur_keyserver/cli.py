"""The command line: its commands, and the one place that turns an outcome into an exit code."""

from collections.abc import Sequence
from typing import cast

import typer
from typer.main import get_command

from signotaur_keyserver.commands import (
    backups,
    certificates,
    events,
    keys,
    maintenance,
    master_keys,
    policies,
    serve,
    trusts,
    users,
    webhooks,
)
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.database.database import DatabaseUnavailableError
from signotaur_keyserver.pki.master_key import MasterKeyError
from signotaur_keyserver.runtime.server import ServerError
from signotaur_keyserver.service.administration import AdministrationError

OK = 0
FAILURE = 1
USAGE = 10

# Typer before 0.28 took these from click, since then from a copy of its own; both are reached
# through the one name that it always exports.
_CliUsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])

app = typer.Typer(
    name="signotaur-keyserver",
    help="A self-hosted key server that rotates API keys without losing one.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(users.app, name="user")
app.add_typer(keys.app, name="key")
app.add_typer(certificates.app, name="cert")
app.add_typer(events.app, name="events")
app.add_typer(trusts.app, name="trust")
app.add_typer(policies.app, name="policy")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(master_keys.app, name="master-key")
app.command()(serve.serve)
app.command()(maintenance.sweep)
app.command()(backups.backup)
app.command()(backups.restore)
app.command()(maintenance.migrate)


def run(arguments: Sequence[str]) -> int:
    """Run one command; return 0 for success, 1 for a failure, 10 for usage and configuration."""
    command = get_command(app)
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
