"""``sweep`` and ``migrate``: looking after a server."""

import json

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.options import (
    AsJson,
    ClockOffset,
    DatabaseUrl,
    DataDir,
    duration,
)
from signotaur_keyserver.service import sweep as sweep_service


def sweep(
    data_dir: DataDir,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    clock_offset: ClockOffset = "0s",
    database: DatabaseUrl = None,
) -> None:
    """Revoke due keys and mark unconfirmed rotations. Safe at any time."""
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
        f"keys revoked: {len(swept.revoked_key_ids)}; "
        f"rotations stalled: {len(swept.held_rotation_ids)}"
    )


def migrate(data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Migrate the database to this version; safe to repeat."""
    with data_folder.prepared(data_dir, database):
        typer.echo("the database is up to date", err=True)
