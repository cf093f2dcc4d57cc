"""``events``, ``sweep`` and ``migrate``: looking after a server."""

import json
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.options import (
    AsJson,
    ClockOffset,
    DatabaseUrl,
    DataDir,
    duration,
)
from signotaur_keyserver.service import administration
from signotaur_keyserver.service import sweep as sweep_service
from signotaur_keyserver.store.events import StoredEvent
from signotaur_wire.members import Json, format_time

Limit = Annotated[int, typer.Option("--limit", min=1, help="How many of the latest to show.")]


def events(
    data_dir: DataDir,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    limit: Limit = 100,
    database: DatabaseUrl = None,
) -> None:
    """Show the latest events, oldest first."""
    with data_folder.existing(data_dir, database) as opened:
        stored = administration.list_events(opened, limit)
    if as_json:
        typer.echo(json.dumps([_as_json(entry) for entry in stored], indent=2))
        return
    for entry in stored:
        event = entry.event
        typer.echo(f"{format_time(entry.at_utc)}  {event.level:<11}  {event.type}  {event.message}")


def sweep(
    data_dir: DataDir,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    clock_offset: ClockOffset = "0s",
    database: DatabaseUrl = None,
) -> None:
    """Make due revocations permanent and mark rotations that nobody confirmed; safe at any time."""
    offset = duration("--clock-offset", clock_offset)
    with data_folder.existing(data_dir, database, offset) as opened:
        swept = sweep_service.sweep(opened)
    if as_json:
        rotation_ids = [str(rotation_id) for rotation_id in swept.held_rotation_ids]
        outcome = {
            "revokedKeyIds": list(swept.revoked_key_ids),
            "heldRotationIds": rotation_ids,
        }
        typer.echo(json.dumps(outcome))
        return
    typer.echo(
        f"revoked {len(swept.revoked_key_ids)} keys, held {len(swept.held_rotation_ids)} rotations"
    )


def migrate(data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Migrate the database to this version; safe to repeat."""
    with data_folder.prepared(data_dir, database):
        typer.echo("the database is up to date", err=True)


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
