"""The options that several commands share, each declared once."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from signotaur_keyserver.commands.errors import CommandError
from signotaur_wire.durations import parse_duration

DataDir = Annotated[
    Path, typer.Option("--data-dir", help="Folder that contains the database and the certificates.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", help="URL of the database; default: a SQLite file in the folder."),
]
ClockOffset = Annotated[
    str,
    typer.Option("--clock-offset", help="Time to add to the database's clock, for tests: 8d, 36h."),
]
KeyId = Annotated[int, typer.Argument(metavar="ID", help="The key's id, as key list shows it.")]
AllowPrivateWebhooks = Annotated[
    bool,
    typer.Option(
        "--allow-private-webhooks",
        help="Send webhooks to loopback, link-local and private addresses, too.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def duration(option: str, text: str) -> timedelta:
    """Read an option's duration. Raises CommandError that names the option."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from None
