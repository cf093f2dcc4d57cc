"""``trust``: whose ID tokens become keys, so that CI jobs need no stored key."""

import json
from pathlib import Path
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import AsJson, DatabaseUrl, DataDir, duration
from signotaur_keyserver.domain.policy import Purpose
from signotaur_keyserver.domain.trusts import PLATFORMS, Trust
from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.service import trusts
from signotaur_wire.members import Json, format_time

app = typer.Typer(
    help="Add, list and remove trusts: whose ID tokens become keys.", no_args_is_help=True
)

_LARGEST_FILE = 256 * 1024
_OPTIONS = {
    "claims": "--claim",
    "claim_patterns": "--claim-pattern",
    "jwks": "--jwks-file",
    "ca_pem": "--ca-file",
}
"""What gives a field that is read before the database is opened."""

Issuer = Annotated[
    str,
    typer.Argument(
        metavar="ISSUER",
        help=f"Who issues the tokens: https://HOST/PATH, or {', '.join(PLATFORMS)}.",
    ),
]
TrustId = Annotated[int, typer.Argument(metavar="ID", help="As trust list shows it.")]
OfUser = Annotated[str, typer.Option("--user", help="Who owns the keys.", metavar="NAME")]
Audience = Annotated[
    str,
    typer.Option(
        "--audience",
        help="Whom a token must be for: this server's URL, as clients give it.",
        metavar="AUDIENCE",
    ),
]
Exact = Annotated[
    list[str] | None,
    typer.Option("--claim", metavar="NAME=VALUE", help="A claim's exact value; repeatable."),
]
Patterns = Annotated[
    list[str] | None,
    typer.Option(
        "--claim-pattern",
        metavar="NAME=PATTERN",
        help="A claim's value with * for characters other than / and :; repeatable.",
    ),
]
May = Annotated[Purpose, typer.Option("--may", help="What a key may do.")]
Life = Annotated[
    str,
    typer.Option(
        "--key-life",
        help="How long a key lives at most, such as 15m; up to 1h.",
        metavar="DURATION",
    ),
]
JwksFile = Annotated[
    Path | None,
    typer.Option(
        "--jwks-file",
        help="File with the issuer's public keys (JWKS), instead of fetching them.",
        metavar="FILE",
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file", help="PEM file of authorities to trust for the issuer, too.", metavar="FILE"
    ),
]


@app.command()
def add(  # noqa: PLR0913, PLR0917 - one parameter per option
    issuer: Issuer,
    data_dir: DataDir,
    user: OfUser,
    audience: Audience,
    claim: Exact = None,
    claim_pattern: Patterns = None,
    may: May = Purpose.SIGN,
    key_life: Life = "15m",
    jwks_file: JwksFile = None,
    ca_file: CaFile = None,
    database: DatabaseUrl = None,
) -> None:
    """Trust ID tokens of an issuer. They must be for this server and have these claims."""
    try:
        new = trusts.new_trust(
            issuer=issuer,
            audience=audience,
            user=user,
            claims=claim or (),
            claim_patterns=claim_pattern or (),
            may=may.value,
            key_life_seconds=int(duration("--key-life", key_life).total_seconds()),
            jwks=None if jwks_file is None else _content("--jwks-file", jwks_file),
            ca_pem=None if ca_file is None else _content("--ca-file", ca_file),
        )
    except trusts.TrustRefusedError as error:
        raise CommandError(f"{_OPTIONS[error.field]}: {error}") from None
    with data_folder.existing(data_dir, database) as opened:
        trust_id = trusts.add_trust(opened, new)
    typer.echo(f"trust {trust_id} added", err=True)


@app.command("list")
def list_trusts(
    data_dir: DataDir,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    database: DatabaseUrl = None,
) -> None:
    """List every trust with its claims: NAME=VALUE, or NAME~PATTERN."""
    with data_folder.existing(data_dir, database) as opened:
        listed = trusts.list_trusts(opened)
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in listed], indent=2))
        return
    for each in listed:
        claims = ", ".join(map(str, each.rules))
        typer.echo(f"{each.id:>6}  {each.issuer}  {each.user} may {each.purpose}  {claims}")


@app.command()
def remove(trust_id: TrustId, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Remove a trust, and revoke the keys that were made by it."""
    with data_folder.existing(data_dir, database) as opened:
        revoked = trusts.remove_trust(opened, trust_id)
    typer.echo(f"trust {trust_id} is removed; keys revoked: {revoked}", err=True)


def _as_json(trust: Trust) -> Json:
    return {
        "id": trust.id,
        "issuer": trust.issuer,
        "audience": trust.audience,
        "user": trust.user,
        "may": trust.purpose,
        "keyLifeSeconds": trust.life_seconds,
        "claims": [vars(rule) for rule in trust.rules],
        "fetchesKeys": trust.jwks is None,
        "createdAt": format_time(trust.created_at_utc),
        "addedBy": trust.added_by,
    }


def _content(option: str, file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise CommandError(f"{option}: {file} is longer than {_LARGEST_FILE} bytes")
        return content.decode()
    except OSError as error:
        raise CommandError(f"{option}: cannot read {file}: {os_reason(error)}") from None
    except ValueError:
        raise CommandError(f"{option}: {file} is not text") from None
