"""The options that several commands share, each declared once."""

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.service.webhook_post import Poster
from signotaur_wire.durations import parse_duration

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        help="Folder that contains the database and the certificates.",
        metavar="FOLDER",
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="URL of the database; default: a SQLite file in the folder.",
        metavar="URL",
    ),
]
ClockOffset = Annotated[
    str,
    typer.Option(
        "--clock-offset",
        help="Time to add to the database's clock, for tests: 8d, 36h.",
        metavar="DURATION",
    ),
]
KeyId = Annotated[int, typer.Argument(metavar="ID", help="The key's id, as key list shows it.")]
AllowPrivateWebhooks = Annotated[
    bool,
    typer.Option(
        "--allow-private-webhooks",
        help="Send webhooks to loopback, link-local and private addresses, too.",
    ),
]
WebhookCaFile = Annotated[
    Path | None,
    typer.Option(
        "--webhook-ca-file",
        help="PEM file of authorities to trust for webhooks, too.",
        metavar="FILE",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def webhook_poster(*, allow_private: bool, ca_file: Path | None) -> Poster:
    """Return what sends webhooks. Raises CommandError for a file that cannot be used."""
    tls = ssl.create_default_context()
    if ca_file is not None:
        try:
            tls.load_verify_locations(ca_file)
        except OSError as error:  # an SSLError is one
            reason = os_reason(error)
            if isinstance(error, ssl.SSLError):
                reason = "it contains no certificates in PEM form"
            raise CommandError(f"--webhook-ca-file: cannot use {ca_file}: {reason}") from None
    return Poster(allow_private=allow_private, tls=tls)


def duration(option: str, text: str) -> timedelta:
    """Read an option's duration. Raises CommandError that names the option."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from None
