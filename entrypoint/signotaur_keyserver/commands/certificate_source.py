"""Where ``cert add`` gets a certificate and its key: a PFX, two files, or a new one for tests."""

import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import duration
from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.pki.material import Material, MaterialError, from_files, from_pfx
from signotaur_keyserver.pki.selfsigned import KeyType, self_signed
from signotaur_keyserver.pki.subjects import subject_name

Maker = Callable[[datetime], Material]
"""Makes the certificate with its key; gets the time at the server."""

Pfx = Annotated[Path | None, typer.Option("--pfx", help="PFX (PKCS#12) file.", metavar="FILE")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--pfx-password-file", help="File whose first line is the password.", metavar="FILE"
    ),
]
PasswordEnv = Annotated[
    str | None,
    typer.Option(
        "--pfx-password-env",
        help="Environment variable that contains the password.",
        metavar="NAME",
    ),
]
CertFile = Annotated[
    Path | None,
    typer.Option(
        "--cert", help="File with the certificate, then its chain: PEM, or DER.", metavar="FILE"
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", help="File with its private key: PEM or DER.", metavar="FILE"),
]
MakeSelfSigned = Annotated[
    bool, typer.Option("--self-signed", help="Create a certificate for tests: nobody trusts it.")
]
Subject = Annotated[
    str | None,
    typer.Option(
        "--subject", help="Subject for --self-signed, such as CN=Example.", metavar="SUBJECT"
    ),
]
ExpiresIn = Annotated[
    str | None,
    typer.Option(
        "--expires-in", help="Lifetime for --self-signed; default: 365d.", metavar="DURATION"
    ),
]
OfType = Annotated[
    KeyType | None,
    typer.Option("--key-type", help="Key type for --self-signed; default: rsa-3072."),
]


def require_one_of(*choices: bool) -> None:
    """Raise CommandError unless exactly one source is given."""
    if sum(choices) != 1:
        raise CommandError("give exactly one of --pfx, --cert with --key, or --self-signed")


def require_with(option: str, given: bool, **others: object) -> None:  # noqa: FBT001
    """Raise CommandError if an option is given without the one that it belongs to."""
    alone = [f"--{name.replace('_', '-')}" for name, value in others.items() if value is not None]
    if not given and alone:
        raise CommandError(f"{' and '.join(alone)} can only be used with {option}")


def pfx_maker(pfx: Path, password_file: Path | None, password_env: str | None) -> Maker:
    """Return what reads a PFX file. Raises CommandError."""
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


def files_maker(cert: Path | None, key: Path | None) -> Maker:
    """Return what reads a certificate and a key of two files. Raises CommandError."""
    if cert is None or key is None:
        raise CommandError("--cert and --key must be used together")
    certificate, private = _content(cert), _content(key)
    return lambda _now: from_files(certificate, private)


def self_signed_maker(subject: str | None, expires_in: str, key_type: KeyType) -> Maker:
    """Return what creates a certificate for tests. Raises CommandError."""
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
        raise CommandError(f"cannot read {file}: {os_reason(error)}") from None
