"""``cert``: certificates that can be signed with, and who may sign with them."""

import json
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.certificate_source import (
    CertFile,
    ExpiresIn,
    KeyFile,
    MakeSelfSigned,
    OfType,
    PasswordEnv,
    PasswordFile,
    Pfx,
    Subject,
    files_maker,
    pfx_maker,
    require_one_of,
    require_with,
    self_signed_maker,
)
from signotaur_keyserver.commands.options import (
    AsJson,
    ClockOffset,
    DatabaseUrl,
    DataDir,
    duration,
)
from signotaur_keyserver.domain.records import Certificate, CertificateState
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.selfsigned import KeyType
from signotaur_keyserver.service import certificates
from signotaur_keyserver.service.certificates import CertificateOverview
from signotaur_keyserver.service.log_text import sanitize
from signotaur_wire.members import Json, format_optional_time, format_time

app = typer.Typer(
    help="Manage certificates, and choose who signs with them.",
    no_args_is_help=True,
)

Label = Annotated[
    str, typer.Option("--label", help="The name that people and builds use.", metavar="LABEL")
]
Named = Annotated[
    str, typer.Argument(metavar="ID|LABEL", help="The certificate's id, alias or label.")
]
User = Annotated[str, typer.Option("--user", help="The user's name.", metavar="NAME")]
Alias = Annotated[
    str | None,
    typer.Option(
        "--alias", help="A second name, of this certificate alone; default: none.", metavar="ALIAS"
    ),
]
Users = Annotated[
    list[str] | None,
    typer.Option("--user", help="A user who can sign with it; repeatable.", metavar="NAME"),
]
WithChain = Annotated[
    bool, typer.Option("--chain", help="Include the issuers' certificates, if the server has them.")
]


@app.command()
def add(  # noqa: PLR0913, PLR0917 - one parameter per option
    data_dir: DataDir,
    label: Label,
    pfx: Pfx = None,
    pfx_password_file: PasswordFile = None,
    pfx_password_env: PasswordEnv = None,
    cert: CertFile = None,
    key: KeyFile = None,
    make_self_signed: MakeSelfSigned = False,  # noqa: FBT002 - a flag of the command line
    subject: Subject = None,
    expires_in: ExpiresIn = None,
    key_type: OfType = None,
    user: Users = None,
    as_json: AsJson = False,  # noqa: FBT002
    database: DatabaseUrl = None,
) -> None:
    """Add a certificate and its private key, which is encrypted. Print id and thumbprint."""
    require_one_of(pfx is not None, cert is not None or key is not None, make_self_signed)
    require_with(
        "--pfx",
        pfx is not None,
        pfx_password_file=pfx_password_file,
        pfx_password_env=pfx_password_env,
    )
    require_with(
        "--self-signed",
        make_self_signed,
        subject=subject,
        expires_in=expires_in,
        key_type=key_type,
    )
    if pfx is not None:
        maker = pfx_maker(pfx, pfx_password_file, pfx_password_env)
    elif make_self_signed:
        maker = self_signed_maker(subject, expires_in or "365d", key_type or KeyType.RSA_3072)
    else:
        maker = files_maker(cert, key)
    sealer = Sealer.in_folder(data_dir)
    with data_folder.existing(data_dir, database) as opened:
        added = certificates.add_certificate(opened, sealer, label, maker, user or ())
    _warn(added)
    _print_added(added.certificate, as_json=as_json)


@app.command("list")
def list_certificates(
    data_dir: DataDir,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    clock_offset: ClockOffset = "0s",
    database: DatabaseUrl = None,
) -> None:
    """List every certificate with its state and its users. Administrators may use all."""
    offset = duration("--clock-offset", clock_offset)
    with data_folder.existing(data_dir, database, offset) as opened:
        overviews = certificates.list_certificates(opened)
    if as_json:
        typer.echo(json.dumps([_as_json(overview) for overview in overviews], indent=2))
        return
    for overview in overviews:
        typer.echo(_as_line(overview))


@app.command()
def remove(name: Named, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Remove a certificate immediately. Destroy its private key."""
    with data_folder.existing(data_dir, database) as opened:
        certificate_id = certificates.remove_certificate(opened, name)
    typer.echo(f"certificate {certificate_id} is removed", err=True)


@app.command()
def grant(name: Named, user: User, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Let a user sign with a certificate."""
    with data_folder.existing(data_dir, database) as opened:
        granted = certificates.grant_access(opened, name, user)
    what = "can now sign" if granted else "could already sign"
    typer.echo(f"{user} {what} with this certificate", err=True)


@app.command("revoke-access")
def revoke_access(name: Named, user: User, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Remove a user's access to a certificate immediately. Administrators keep theirs."""
    with data_folder.existing(data_dir, database) as opened:
        ended = certificates.revoke_access(opened, name, user)
    what = "can no longer sign with this certificate" if ended else "had no access of its own"
    typer.echo(f"{user} {what}", err=True)


@app.command()
def export(
    name: Named,
    data_dir: DataDir,
    with_chain: WithChain = False,  # noqa: FBT002 - a flag of the command line
    database: DatabaseUrl = None,
) -> None:
    """Print the public certificate as PEM."""
    with data_folder.existing(data_dir, database) as opened:
        pem = certificates.export_certificate(opened, name, with_chain=with_chain)
    typer.echo(pem, nl=False)


@app.command()
def disable(name: Named, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Sign nothing with a certificate until it is enabled again."""
    with data_folder.existing(data_dir, database) as opened:
        certificates.set_certificate_enabled(opened, name, enabled=False)


@app.command()
def enable(name: Named, data_dir: DataDir, database: DatabaseUrl = None) -> None:
    """Sign with a disabled certificate again."""
    with data_folder.existing(data_dir, database) as opened:
        certificates.set_certificate_enabled(opened, name, enabled=True)


@app.command()
def rename(
    name: Named,
    data_dir: DataDir,
    label: Label,
    alias: Alias = None,
    database: DatabaseUrl = None,
) -> None:
    """Give a certificate another label or alias. Several may share a label."""
    with data_folder.existing(data_dir, database) as opened:
        certificates.rename_certificate(opened, name, label, alias)


def _warn(added: certificates.Added) -> None:
    if not added.signs_code:
        typer.echo("warning: this certificate is not marked for code signing", err=True)
    if added.state is not CertificateState.VALID:
        typer.echo(f"warning: this certificate is {added.state.value} and cannot sign", err=True)


def _print_added(certificate: Certificate, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_described(certificate)))
    else:
        typer.echo(f"{certificate.id}\t{certificate.label}\t{certificate.thumbprint}")


def _described(certificate: Certificate) -> Json:
    return {
        "id": certificate.id,
        "label": certificate.label,
        "alias": certificate.alias,
        "thumbprint": certificate.thumbprint,
        "subject": certificate.subject,
        "notBefore": format_time(certificate.not_before_utc),
        "notAfter": format_time(certificate.not_after_utc),
    }


def _as_json(overview: CertificateOverview) -> Json:
    certificate = overview.certificate
    return _described(certificate) | {
        "state": certificate.state(overview.now).value,
        "addedAt": format_time(certificate.added_at_utc),
        "removedAt": format_optional_time(certificate.removed_at_utc),
        "users": list(overview.users),
    }


def _as_line(overview: CertificateOverview) -> str:
    certificate = overview.certificate
    alias = "" if certificate.alias is None else f" ({certificate.alias})"
    return (
        f"{certificate.id:>6}  {certificate.state(overview.now).value:<13}  "
        f"until {format_time(certificate.not_after_utc)}  {certificate.thumbprint}  "
        f"{certificate.label or '-'}{alias}: {sanitize(certificate.subject)}  "
        f"({', '.join(overview.users) or 'administrators only'})"
    )
