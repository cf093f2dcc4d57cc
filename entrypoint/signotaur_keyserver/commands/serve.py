"""``serve``: migrate, then listen until a signal comes."""

import json
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from socket import socket
from typing import Annotated

import typer
from fastapi import FastAPI

from signotaur_keyserver.api.app import Options, create_app
from signotaur_keyserver.api.context import LeakReports
from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.commands.errors import CommandError
from signotaur_keyserver.commands.options import (
    AllowPrivateWebhooks,
    ClockOffset,
    DatabaseUrl,
    DataDir,
    WebhookCaFile,
    duration,
    webhook_poster,
)
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.pki.leak_keys import LeakKeys, LeakKeysError
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.private_files import ExposedError, require_not_shared
from signotaur_keyserver.runtime.access_log import AccessLog
from signotaur_keyserver.runtime.connections import DEFAULT, Limits
from signotaur_keyserver.runtime.logs import LogFormat, log_to_stderr
from signotaur_keyserver.runtime.server import listen, url_of
from signotaur_keyserver.runtime.server import serve as run_server
from signotaur_keyserver.runtime.tls import TlsFiles, ensure_self_signed
from signotaur_keyserver.runtime.workers import serve_by
from signotaur_keyserver.service.certificates import require_master_key
from signotaur_keyserver.web.application import add_pages
from signotaur_keyserver.web.site import SiteOptions

KEY_REQUESTS_PER_MINUTE = 12_000
"""200 a second. A build that signs 500 files makes 501 requests; the server answers 2,000 a
second and more, so that one key takes a tenth of it."""
_TOKEN = re.compile(r"[!-~]{16,512}")

Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 chooses a free one.")
]
SelfSigned = Annotated[
    bool,
    typer.Option(
        "--self-signed", help="Create a local certificate authority; clients trust DIR/ca.pem."
    ),
]
TlsName = Annotated[
    list[str] | None,
    typer.Option("--tls-name", help="An additional name or address for --self-signed; repeatable."),
]
TlsCert = Annotated[
    Path | None, typer.Option("--tls-cert", help="PEM file of the certificate and its chain.")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", help="PEM file of the private key.")]
InsecureHttp = Annotated[
    bool, typer.Option("--insecure-http", help="Serve without TLS, on a loopback address only.")
]
MaxConnections = Annotated[
    int,
    typer.Option(
        "--max-connections",
        min=2,
        help="Maximum of open connections; at most half of them without a valid key.",
    ),
]
MaxConnectionsPerAddress = Annotated[
    int,
    typer.Option(
        "--max-connections-per-address",
        min=2,
        help="The same maximum for one IPv4 address or IPv6 /64.",
    ),
]
KeyRequestsPerMinute = Annotated[
    int,
    typer.Option(
        "--key-requests-per-minute",
        min=0,
        help="Requests with one key in a minute; 0 means no limit.",
    ),
]
MetricsTokenFile = Annotated[
    Path | None,
    typer.Option(
        "--metrics-token-file",
        help="File with the token that /metrics requires; without this "
        "option, /metrics requires none.",
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
    typer.Option("--workers", min=1, max=64, help="Processes that serve; each has its own limits."),
]
NoWeb = Annotated[
    bool, typer.Option("--no-web", help="Serve the API alone, without the web pages for people.")
]
SweepInterval = Annotated[
    str, typer.Option("--sweep-interval", help="How often revocations are made permanent.")
]
EventRetention = Annotated[
    str,
    typer.Option("--event-retention", help="Delete events that are older than this; 0s keeps all."),
]
OfLog = Annotated[LogFormat, typer.Option("--log-format", help="How lines of the log look.")]
LeakKeysFile = Annotated[
    Path | None,
    typer.Option(
        "--leak-keys",
        help="File with the public keys, in GitHub's form, that sign reports of leaked keys.",
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


def serve(  # noqa: PLR0913, PLR0917 - one parameter per option
    data_dir: DataDir,
    database: DatabaseUrl = None,
    host: Host = "127.0.0.1",
    port: Port = 8443,
    self_signed: SelfSigned = False,  # noqa: FBT002 - a flag of the command line
    tls_name: TlsName = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure_http: InsecureHttp = False,  # noqa: FBT002
    max_connections: MaxConnections = DEFAULT.connections,
    max_connections_per_address: MaxConnectionsPerAddress = DEFAULT.per_address,
    key_requests_per_minute: KeyRequestsPerMinute = KEY_REQUESTS_PER_MINUTE,
    metrics_token_file: MetricsTokenFile = None,
    trusted_proxy: TrustedProxy = None,
    workers: Workers = 1,
    no_web: NoWeb = False,  # noqa: FBT002
    sweep_interval: SweepInterval = "1h",
    event_retention: EventRetention = "400d",
    leak_keys: LeakKeysFile = None,
    disable_leaked_keys: DisableLeakedKeys = False,  # noqa: FBT002
    allow_private_webhooks: AllowPrivateWebhooks = False,  # noqa: FBT002
    webhook_ca_file: WebhookCaFile = None,
    allow_private_issuers: AllowPrivateIssuers = False,  # noqa: FBT002
    log_format: OfLog = LogFormat.TEXT,
    clock_offset: ClockOffset = "0s",
) -> None:
    """Run the server. When it listens, it prints one line of JSON: its URL and its CA file."""
    given = _given_tls(host, tls_cert, tls_key, self_signed=self_signed, insecure=insecure_http)
    options = Options(
        access_log=AccessLog(sys.stderr, log_format),
        sealer=Sealer.in_folder(data_dir),
        sweep_interval=_interval(sweep_interval),
        event_retention=duration("--event-retention", event_retention) or None,
        key_requests_per_minute=key_requests_per_minute or None,
        metrics_token=None if metrics_token_file is None else _token(metrics_token_file),
        trusted_proxies=tuple(_network(text) for text in trusted_proxy or ()),
        leaks=_leak_reports(leak_keys, disable=disable_leaked_keys),
        webhooks=webhook_poster(allow_private=allow_private_webhooks, ca_file=webhook_ca_file),
        private_issuers=allow_private_issuers,
    )
    limits = Limits(max_connections, max_connections_per_address)
    offset = duration("--clock-offset", clock_offset)
    log_to_stderr(log_format)
    with data_folder.prepared(data_dir, database, offset) as opened, listen(host, port) as listener:
        tls = ensure_self_signed(data_dir, [host, *(tls_name or ())]) if self_signed else given
        if options.sealer is not None:
            require_master_key(opened, options.sealer)
        opened.close()  # a connection must not be shared by processes
        authority = None if tls is None or tls.authority is None else tls.authority.absolute()
        site = None if no_web else SiteOptions(authority)

        def run(on_ready: Callable[[], None]) -> None:
            run_server(_app(opened, options, site), listener, tls, on_ready, limits)

        ready = _ready_line(listener, authority, secure=tls is not None)
        if workers == 1:
            run(lambda: typer.echo(ready))
        else:
            serve_by(workers, run, lambda: typer.echo(ready))


def _app(database: Database, options: Options, site: SiteOptions | None) -> FastAPI:
    app = create_app(database, options)
    if site is not None:
        add_pages(app, site)
    return app


def _ready_line(listener: socket, authority: Path | None, *, secure: bool) -> str:
    ca_file = None if authority is None else str(authority)
    return json.dumps({"url": url_of(listener, secure=secure), "caFile": ca_file})


def _given_tls(
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


def _interval(text: str) -> timedelta:
    interval = duration("--sweep-interval", text)
    if not interval:
        raise CommandError("--sweep-interval: must be longer than zero")
    return interval


def _given_files(certificate: Path | None, key: Path | None) -> TlsFiles:
    if certificate is None or key is None:
        raise CommandError("--tls-cert and --tls-key must be used together")
    if not certificate.is_file():
        raise CommandError(f"the file {certificate} does not exist")
    _require_not_shared(key)
    return TlsFiles(certificate, key)


def _leak_reports(file: Path | None, *, disable: bool) -> LeakReports | None:
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


def _token(file: Path) -> str:
    _require_not_shared(file)
    try:
        token = file.read_text("utf-8", "replace").strip()
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from None
    if not _TOKEN.fullmatch(token):
        raise CommandError(
            f"{file}: a token is 16 to 512 printable ASCII characters without spaces"
        )
    return token


def _require_not_shared(file: Path) -> None:
    if not file.is_file():
        raise CommandError(f"the file {file} does not exist")
    try:
        require_not_shared(file)
    except ExposedError as error:
        raise CommandError(str(error)) from None


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise CommandError(
            f"--trusted-proxy: {text!r} is not an address or network, such as 10.0.0.0/24"
        ) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
