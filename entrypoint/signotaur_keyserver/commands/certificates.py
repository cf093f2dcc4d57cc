"""``cert``: certificates that can be signed with, and who may sign with them."""

import json
import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import (
    AsJson,
    ClockOffset,
    DatabaseUrl,
    DataDir,
    duration,
)
from signotaur_keyserver.domain.records import Certificate, CertificateState
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.material import Material, MaterialError, from_files, from_pfx
from signotaur_keyserver.pki.selfsigned import KeyType, self_signed
from signotaur_keyserver.pki.subjects import subject_name
from signotaur_keyserver.service import certificates
from signotaur_keyserver.service.certificates import CertificateOverview
from signotaur_keyserver.service.log_text import sanitize
from signotaur_wire.members import Json, format_optional_time, format_time

app = typer.Typer(
    help="Manage certificates, and choose who signs with them.",
    no_args_is_help=True,
)

Maker = Callable[[datetime], Material]

Label = Annotated[str, typer.Option("--label", help="The name that people and builds use.")]
Named = Annotated[
    str, typer.Argument(metavar="ID|LABEL", help="The certificate's id, alias or label.")
]
User = Annotated[str, typer.Option("--user", help="The user's name.")]
Alias = Annotated[
    str | None,
    typer.Option("--alias", help="A second name, of this certificate alone; default: none."),
]
Users = Annotated[
    list[str] | None, typer.Option("--user", help="A user who can sign with it; repeatable.")
]
Pfx = Annotated[Path | None, typer.Option("--pfx", help="PFX (PKCS#12) file.")]
PasswordFile = Annotated[
    Path | None, typer.Option("--pfx-password-file", help="File whose first line is the password.")
]
PasswordEnv = Annotated[
    str | None,
    typer.Option("--pfx-password-env", help="Environment variable that contains the password."),
]
CertFile = Annotated[
    Path | None,
    typer.Option("--cert", help="File with the certificate, then its chain: PEM, or DER."),
]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="File with its private key: PEM or DER.")
]
MakeSelfSigned = Annotated[
    bool, typer.Option("--self-signed", help="Create a certificate for tests: nobody trusts it.")
]
Subject = Annotated[
    str | None, typer.Option("--subject", help="Subject for --self-signed, such as CN=Example.")
]
ExpiresIn = Annotated[
    str | None, typer.Option("--expires-in", help="Lifetime for --self-signed; default: 365d.")
]
OfType = Annotated[
    KeyType | None,
    typer.Option("--key-type", help="Key type for --self-signed; default: rsa-3072."),
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
    """Add a certificate and its private key. It is stored encrypted. Print id and thumbprint."""
    _require_one_of(pfx is not None, cert is not None or key is not None, make_self_signed)
    _require_with("--pfx", pfx is not None, pfx_password_file, pfx_password_env)
    _require_with("--self-signed", make_self_signed, subject, expires_in, key_type)
    if pfx is not None:
        maker = _pfx_maker(pfx, pfx_password_file, pfx_password_env)
    elif make_self_signed:
        maker = _self_signed_maker(subject, expires_in or "365d", key_type or KeyType.RSA_3072)
    else:
        maker = _files_maker(cert, key)
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


def _require_one_of(*choices: bool) -> None:
    if sum(choices) != 1:
        raise CommandError("give exactly one of --pfx, --cert with --key, or --self-signed")


def _require_with(option: str, given: bool, *others: object) -> None:  # noqa: FBT001
    if not given and any(other is not None for other in others):
        raise CommandError(f"an option was given that can only be used with {option}")


def _pfx_maker(pfx: Path, password_file: Path | None, password_env: str | None) -> Maker:
    if password_file is not None and password_env is not None:
        raise CommandError("give --pfx-password-file or --pfx-password-env, not both")
    password = None
    if password_file is not None:
        password = _content(password_file).partition(b"\n")[0].removesuffix(b"\r")
    elif password_env is not None:
        if password_env not in os.environ:
            raise CommandError(f"--pfx-password-env: {password_env} is not set")
        password = os.fsencode(os.environ[password_env])
    content = _content(pfx)
    return lambda _now: from_pfx(content, password)


def _files_maker(cert: Path | None, key: Path | None) -> Maker:
    if cert is None or key is None:
        raise CommandError("--cert and --key must be used together")
    certificate, private = _content(cert), _content(key)
    return lambda _now: from_files(certificate, private)


def _self_signed_maker(subject: str | None, expires_in: str, key_type: KeyType) -> Maker:
    if subject is None:
        raise CommandError("--self-signed needs --subject, such as CN=Example")
    lifetime = duration("--expires-in", expires_in)
    if not lifetime:
        raise CommandError("--expires-in: must be longer than zero")
    try:
        name = subject_name(subject)
    except MaterialError as error:
        raise CommandError(f"--subject: {error}") from None
    return partial(self_signed, name, key_type, lifetime=lifetime)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown"
        raise CommandError(f"cannot read {file}: {reason}") from None


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
