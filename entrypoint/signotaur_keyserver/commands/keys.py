"""``key``: create, list, revoke, disable and enable keys."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder, policies
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import (
    AsJson,
    ClockOffset,
    DatabaseUrl,
    DataDir,
    KeyId,
    duration,
)
from signotaur_keyserver.service import administration
from signotaur_keyserver.service.administration import KeyOverview
from signotaur_wire.members import Json, format_optional_time, format_time

app = typer.Typer(help="Add, list, revoke, disable and enable keys.", no_args_is_help=True)

Owner = Annotated[str, typer.Option("--user", help="The owner's name.", metavar="NAME")]
app.command("policy")(policies.key_policy)

KeyName = Annotated[
    str, typer.Option("--name", help="What the key is for; successors keep it.", metavar="NAME")
]
ExpiresIn = Annotated[
    str,
    typer.Option(
        "--expires-in", help="The key's lifetime, such as 90d, or never.", metavar="DURATION"
    ),
]


@app.command()
def add(
    data_dir: DataDir,
    user: Owner,
    name: KeyName,
    expires_in: ExpiresIn = "90d",
    database: DatabaseUrl = None,
) -> None:
    """Create a key and print only the key. It is shown once: the server keeps only its digest."""
    lifetime = _lifetime(expires_in)
    with data_folder.existing(data_dir, database) as opened:
        text = administration.add_key(opened, user, name, lifetime)
    typer.echo(text)
    typer.echo("this key is shown only once", err=True)


@app.command("list")
def list_keys(
    data_dir: DataDir,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    clock_offset: ClockOffset = "0s",
    database: DatabaseUrl = None,
) -> None:
    """List every key with its state, its deadlines and its lineage."""
    offset = duration("--clock-offset", clock_offset)
    with data_folder.existing(data_dir, database, offset) as opened:
        # Jobs make many keys: those that ended a while ago are in the events alone.
        overviews = [
            each
            for each in administration.list_keys(opened)
            if each.key.trust_id is None or each.key.deleted_at_utc is None
        ]
    if as_json:
        typer.echo(json.dumps([_as_json(overview) for overview in overviews], indent=2))
        return
    for overview in overviews:
        typer.echo(_as_line(overview))


@app.command()
def revoke(key_id: KeyId, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Revoke a key immediately. This cannot be undone."""
    with data_folder.existing(data_dir, database) as opened:
        revoked = administration.revoke_key(opened, key_id)
    outcome = "is revoked" if revoked else "was already revoked"
    typer.echo(f"key {key_id} {outcome}", err=True)


@app.command()
def disable(key_id: KeyId, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Refuse a key until it is enabled again."""
    with data_folder.existing(data_dir, database) as opened:
        administration.set_key_enabled(opened, key_id, enabled=False)


@app.command()
def enable(key_id: KeyId, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Accept a disabled key again."""
    with data_folder.existing(data_dir, database) as opened:
        administration.set_key_enabled(opened, key_id, enabled=True)


def _lifetime(text: str) -> timedelta | None:
    if text == "never":
        return None
    lifetime = duration("--expires-in", text)
    if not lifetime:
        raise CommandError("--expires-in: must be longer than zero")
    return lifetime


def _as_json(overview: KeyOverview) -> Json:
    key = overview.key
    return {
        "id": key.id,
        "publicId": key.public_id,
        "name": key.name,
        "owner": key.owner,
        "state": key.state(overview.now).value,
        "createdAt": format_time(key.created_at_utc),
        "expiresAt": format_optional_time(key.expires_at_utc),
        "revokesAt": format_optional_time(key.revoke_due_utc),
        "revokedAt": format_optional_time(key.revoked_at_utc),
        "rotatedFromKeyId": key.rotated_from_key_id,
        "rotationTimestampUtc": format_optional_time(key.rotation_timestamp_utc),
        "autoRevokeOldKeyUtc": format_optional_time(key.auto_revoke_old_key_utc),
        "successorKeyIds": list(overview.successor_key_ids),
    }


def _as_line(overview: KeyOverview) -> str:
    key = overview.key
    expires = format_optional_time(key.expires_at_utc) or "never"
    revoked = format_optional_time(key.revoked_at_utc)
    due = format_optional_time(key.revoke_due_utc) or "-"
    origin = "-" if key.rotated_from_key_id is None else key.rotated_from_key_id
    return (
        f"{key.id:>6}  {key.state(overview.now).value:<9}  expires {expires:<20}  "
        f"{'revoked' if revoked else 'ends':<7} {revoked or due:<20}  "
        f"from {origin:<6}  {key.owner}: {key.name}"
    )
