"""``policy`` and ``key policy``: what keys may do, and from where."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import DatabaseUrl, DataDir, KeyId, duration
from signotaur_keyserver.domain.policy import Purpose
from signotaur_keyserver.service import policies
from signotaur_keyserver.service.policies import KeyPolicy
from signotaur_wire.members import Json

app = typer.Typer(help="Show and set what all keys of this server may do.", no_args_is_help=True)

_NONE = "none"
_ANYWHERE = "anywhere"
_DEFAULT = "default"

ExpiryRequired = Annotated[
    bool | None,
    typer.Option(
        "--expiry-required/--no-expiry-required", help="Whether every new key must expire."
    ),
]
LongestLife = Annotated[
    str | None,
    typer.Option(
        "--longest-life", help="Longest life of a new key: 90d, or none.", metavar="DURATION"
    ),
]
OverlapMin = Annotated[
    str | None,
    typer.Option("--overlap-min", help="Smallest overlap of a rotation, in days.", metavar="DAYS"),
]
OverlapMax = Annotated[
    str | None,
    typer.Option("--overlap-max", help="Largest overlap of a rotation, in days.", metavar="DAYS"),
]
Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--network",
        help="A network to accept keys from, such as 192.0.2.0/24; repeatable.",
        metavar="NETWORK",
    ),
]
Signatures = Annotated[
    str | None,
    typer.Option(
        "--signatures-per-hour", help="Signatures with one key in an hour.", metavar="NUMBER"
    ),
]
Requests = Annotated[
    str | None,
    typer.Option(
        "--requests-per-minute", help="Requests with one key in a minute.", metavar="NUMBER"
    ),
]
OfPurpose = Annotated[
    Purpose | None, typer.Option("--purpose", help="What the key may do: any, rotate or sign.")
]


@app.command()
def show(data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Print the server's policy as JSON. What it leaves out is not limited."""
    with data_folder.existing(data_dir, database) as opened:
        typer.echo(json.dumps(policies.show_policy(opened).to_json(), indent=2))


@app.command("set")
def set_policy(  # noqa: PLR0913, PLR0917 - one parameter per option
    data_dir: DataDir,
    expiry_required: ExpiryRequired = None,
    longest_life: LongestLife = None,
    overlap_min: OverlapMin = None,
    overlap_max: OverlapMax = None,
    network: Networks = None,
    requests_per_minute: Requests = None,
    signatures_per_hour: Signatures = None,
    database: DatabaseUrl = None,
) -> None:
    """Change what is given and print the policy. "none" and "--network anywhere" end a limit."""
    changes: dict[str, Any] = {}
    if expiry_required is not None:
        changes["expiry_required"] = expiry_required
    if longest_life is not None:
        changes["longest_life_days"] = _days(longest_life)
    changes |= _limits(_NONE, overlap_min, overlap_max, requests_per_minute, signatures_per_hour)
    if network:
        changes["networks"] = None if network == [_ANYWHERE] else tuple(network)
    with data_folder.existing(data_dir, database) as opened:
        policy = policies.set_policy(opened, **changes)
    typer.echo(json.dumps(policy.to_json(), indent=2))


def key_policy(  # noqa: PLR0913, PLR0917 - one parameter per option
    key_id: KeyId,
    data_dir: DataDir,
    purpose: OfPurpose = None,
    overlap_min: OverlapMin = None,
    overlap_max: OverlapMax = None,
    network: Networks = None,
    requests_per_minute: Requests = None,
    signatures_per_hour: Signatures = None,
    database: DatabaseUrl = None,
) -> None:
    """Show or change a key's policy. "default" is what the server's policy says."""
    changes: dict[str, Any] = _limits(
        _DEFAULT, overlap_min, overlap_max, requests_per_minute, signatures_per_hour
    )
    if purpose is not None:
        changes["purpose"] = purpose.value
    if network:
        changes["networks"] = _key_networks(network)
    with data_folder.existing(data_dir, database) as opened:
        if changes:
            policy = policies.set_key_policy(opened, key_id, **changes)
        else:
            policy = policies.show_key_policy(opened, key_id)
    typer.echo(json.dumps(_as_json(policy), indent=2))


def _key_networks(given: Sequence[str]) -> list[str] | None:
    if list(given) == [_DEFAULT]:
        return None
    return ["0.0.0.0/0", "::/0"] if list(given) == [_ANYWHERE] else list(given)


def _limits(
    unset: str,
    overlap_min: str | None,
    overlap_max: str | None,
    requests_per_minute: str | None,
    signatures_per_hour: str | None,
) -> Json:
    given = {
        "overlap_days_min": ("--overlap-min", overlap_min),
        "overlap_days_max": ("--overlap-max", overlap_max),
        "requests_per_minute": ("--requests-per-minute", requests_per_minute),
        "signatures_per_hour": ("--signatures-per-hour", signatures_per_hour),
    }
    return {
        name: _number(option, text, unset)
        for name, (option, text) in given.items()
        if text is not None
    }


def _number(option: str, text: str, unset: str) -> int | None:
    if text == unset:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004
        raise CommandError(f"{option}: give a whole number, or {unset}")
    return int(text)


def _days(text: str) -> int | None:
    if text == _NONE:
        return None
    length = duration("--longest-life", text)
    if not length.days or length.seconds:
        raise CommandError("--longest-life: give whole days, such as 90d, or none")
    return length.days


def _as_json(policy: KeyPolicy) -> Json:
    return {
        "purpose": policy.purpose.value,
        "own": policy.own,
        "effective": policy.effective.to_json(),
    }
