"""``events``: show the event log, verify it, and make checkpoints of it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import AsJson, DatabaseUrl, DataDir
from signotaur_keyserver.domain.event_chain import Link, parse_checkpoint
from signotaur_keyserver.service import administration, event_verification
from signotaur_keyserver.store.events import StoredEvent
from signotaur_wire.members import Json, format_time

app = typer.Typer(invoke_without_command=True)

# Not required here, because the subcommands have their own.
ShownDataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder that contains the database and the certificates. [required]",
        metavar="FOLDER",
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", min=1, help="How many of the latest to show.", metavar="NUMBER")
]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        help="An earlier output of events checkpoint, to compare with.",
        metavar="CHECKPOINT",
    ),
]


@app.callback()
def events(
    context: typer.Context,
    data_dir: ShownDataDir = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    limit: Limit = 100,
    database: DatabaseUrl = None,
) -> None:
    """Show the latest events, oldest first. The subcommands check that the log is intact."""
    if context.invoked_subcommand is not None:
        return
    if data_dir is None:
        raise CommandError("events needs --data-dir")
    with data_folder.existing(data_dir, database) as opened:
        stored = administration.list_events(opened, limit)
    if as_json:
        typer.echo(json.dumps([_as_json(entry) for entry in stored], indent=2))
        return
    for entry in stored:
        event = entry.event
        typer.echo(f"{format_time(entry.at_utc)}  {event.level:<11}  {event.type}  {event.message}")


@app.command()
def verify(data_dir: DataDir, checkpoint: Checkpoint = None, database: DatabaseUrl = None) -> None:
    """Check that no event was changed, deleted, inserted or moved. Name the first bad one."""
    earlier = None if checkpoint is None else _checkpoint(checkpoint)
    with data_folder.existing(data_dir, database) as opened:
        verified = event_verification.verify_events(opened, earlier)
    typer.echo(f"{verified.events} events are intact, up to event {verified.head.id}")
    if verified.without_mac:
        typer.echo(
            f"{verified.without_mac} events were written before an upgrade and are not protected",
            err=True,
        )


@app.command("checkpoint")
def make_checkpoint(data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Verify the log and print its end. Keep that elsewhere, for events verify --checkpoint."""
    with data_folder.existing(data_dir, database) as opened:
        typer.echo(event_verification.make_checkpoint(opened))


def _checkpoint(text: str) -> Link:
    try:
        return parse_checkpoint(text)
    except ValueError as error:
        raise CommandError(f"--checkpoint: {error}") from None


def _as_json(entry: StoredEvent) -> Json:
    event = entry.event
    return {
        "id": entry.id,
        "at": format_time(entry.at_utc),
        "level": event.level,
        "type": event.type,
        "message": event.message,
        "userId": event.user_id,
        "keyId": event.key_id,
        "rotationId": None if event.rotation_id is None else str(event.rotation_id),
        "source": event.source,
        "data": event.data,
    }
