"""The options of ``serve``, and what their values mean. A value with a fault is a CommandError."""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated

import typer

from signotaur_keyserver.api.context import LeakReports
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import duration
from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.pki.leak_keys import LeakKeys, LeakKeysError
from signotaur_keyserver.pki.private_files import ExposedError, require_not_shared
from signotaur_keyserver.runtime.logs import LogFormat
from signotaur_keyserver.runtime.tls import TlsFiles

_TOKEN = re.compile(r"[!-~]{16,512}")

Host = Annotated[str, typer.Option("--host", help="Address to listen on.", metavar="ADDRESS")]
Port = Annotated[
    int,
    typer.Option(
        "--port", min=0, max=65535, help="Port to listen on; 0 chooses a free one.", metavar="PORT"
    ),
]
SelfSigned = Annotated[
    bool,
    typer.Option(
        "--self-signed", help="Create a local certificate authority; clients trust DIR/ca.pem."
    ),
]
TlsName = Annotated[
    list[str] | None,
    typer.Option(
        "--tls-name",
        help="An additional name or address for --self-signed; repeatable.",
        metavar="NAME",
    ),
]
TlsCert = Annotated[
    Path | None,
    typer.Option("--tls-cert", help="PEM file of the certificate and its chain.", metavar="FILE"),
]
TlsKey = Annotated[
    Path | None, typer.Option("--tls-key", help="PEM file of the private key.", metavar="FILE")
]
InsecureHttp = Annotated[
    bool, typer.Option("--insecure-http", help="Serve without TLS, on a loopback address only.")
]
MaxConnections = Annotated[
    int,
    typer.Option(
        "--max-connections",
        min=2,
        help="Maximum of open connections; at most half of them without a valid key.",
        metavar="NUMBER",
    ),
]
MaxConnectionsPerAddress = Annotated[
    int,
    typer.Option(
        "--max-connections-per-address",
        min=2,
        help="The same maximum for one IPv4 address or IPv6 /64.",
        metavar="NUMBER",
    ),
]
KeyRequestsPerMinute = Annotated[
    int,
    typer.Option(
        "--key-requests-per-minute",
        min=0,
        help="Requests with one key in a minute; 0 means no limit.",
        metavar="NUMBER",
    ),
]
MetricsTokenFile = Annotated[
    Path | None,
    typer.Option(
        "--metrics-token-file",
        help="File with the token that /metrics requires; without this "
        "option, /metrics requires none.",
        metavar="FILE",
    ),
]
TrustedProxy = Annotated[
    list[str] | None,
    typer.Option(
        "--trusted-proxy",
        metavar="NETWORK",
        help="Address or network of a reverse proxy: its X-Forwarded-For is believed; repeatable.",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=1,
        max=64,
        help="Processes that serve; each has its own limits.",
        metavar="NUMBER",
    ),
]
NoWeb = Annotated[
    bool, typer.Option("--no-web", help="Serve the API alone, without the web pages for people.")
]
SweepInterval = Annotated[
    str,
    typer.Option(
        "--sweep-interval", help="How often revocations are made permanent.", metavar="DURATION"
    ),
]
EventRetention = Annotated[
    str,
    typer.Option(
        "--event-retention",
        help="Delete events that are older than this; 0s keeps all.",
        metavar="DURATION",
    ),
]
OfLog = Annotated[LogFormat, typer.Option("--log-format", help="How lines of the log look.")]
LeakKeysFile = Annotated[
    Path | None,
    typer.Option(
        "--leak-keys",
        help="File with the public keys, in GitHub's form, that sign reports of leaked keys.",
        metavar="FILE",
    ),
]
DisableLeakedKeys = Annotated[
    bool, typer.Option("--disable-leaked-keys", help="Disable a key that was reported as leaked.")
]
AllowPrivateIssuers = Annotated[
    bool,
    typer.Option(
        "--allow-private-issuers",
        help="Fetch keys of issuers that were added on the web pages from loopback, link-local "
        "and private addresses, too.",
    ),
]


def given_tls(
    host: str, certificate: Path | None, key: Path | None, *, self_signed: bool, insecure: bool
) -> TlsFiles | None:
    """Return the files that the options name; None where they name none."""
    if sum((self_signed, certificate is not None or key is not None, insecure)) != 1:
        raise CommandError(
            "give exactly one of --self-signed, --tls-cert with --tls-key, or --insecure-http"
        )
    if insecure and not _is_loopback(host):
        raise CommandError(
            "--insecure-http needs a loopback --host: keys would cross the network unencrypted"
        )
    return None if self_signed or insecure else _given_files(certificate, key)


def interval(text: str) -> timedelta:
    """Return the time between two sweeps."""
    length = duration("--sweep-interval", text)
    if not length:
        raise CommandError("--sweep-interval: must be longer than zero")
    return length


def leak_reports(file: Path | None, *, disable: bool) -> LeakReports | None:
    """Return who may report leaked keys; None without a file of their public keys."""
    if file is None:
        if disable:
            raise CommandError("--disable-leaked-keys needs --leak-keys")
        return None
    keys = LeakKeys(file)
    try:
        keys.check()
    except LeakKeysError as error:
        raise CommandError(f"--leak-keys: {error}") from None
    return LeakReports(keys, disable)


def token(file: Path | None) -> str | None:
    """Return the token that a file contains; None without a file."""
    if file is None:
        return None
    _require_not_shared(file)
    try:
        text = file.read_text("utf-8", "replace").strip()
    except OSError as error:
        raise CommandError(f"cannot read {file}: {os_reason(error)}") from None
    if not _TOKEN.fullmatch(text):
        raise CommandError(
            f"{file}: a token is 16 to 512 printable ASCII characters without spaces"
        )
    return text


def network(text: str) -> IPv4Network | IPv6Network:
    """Return the network of a proxy."""
    try:
        return ip_network(text)
    except ValueError:
        raise CommandError(
            f"--trusted-proxy: {text!r} is not an address or network, such as 10.0.0.0/24"
        ) from None


def _given_files(certificate: Path | None, key: Path | None) -> TlsFiles:
    if certificate is None or key is None:
        raise CommandError("--tls-cert and --tls-key must be used together")
    if not certificate.is_file():
        raise CommandError(f"the file {certificate} does not exist")
    _require_not_shared(key)
    return TlsFiles(certificate, key)


def _require_not_shared(file: Path) -> None:
    if not file.is_file():
        raise CommandError(f"the file {file} does not exist")
    try:
        require_not_shared(file)
    except ExposedError as error:
        raise CommandError(str(error)) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
