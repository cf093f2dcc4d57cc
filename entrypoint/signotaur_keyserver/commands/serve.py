"""``serve``: migrate, then listen until a signal comes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from socket import socket

import typer
from fastapi import FastAPI

from signotaur_keyserver.api.app import Options, create_app
from signotaur_keyserver.commands import data_folder, serve_options
from signotaur_keyserver.commands.options import (
    AllowPrivateWebhooks,
    ClockOffset,
    DatabaseUrl,
    DataDir,
    WebhookCaFile,
    duration,
    webhook_poster,
)
from signotaur_keyserver.commands.serve_options import (
    AllowPrivateIssuers,
    DisableLeakedKeys,
    EventRetention,
    Host,
    InsecureHttp,
    KeyRequestsPerMinute,
    LeakKeysFile,
    MaxConnections,
    MaxConnectionsPerAddress,
    MetricsTokenFile,
    NoWeb,
    OfLog,
    Port,
    SelfSigned,
    SweepInterval,
    TlsCert,
    TlsKey,
    TlsName,
    TrustedProxy,
    Workers,
)
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.pki.master_key import Sealer
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
    given_tls = serve_options.given_tls(
        host, tls_cert, tls_key, self_signed=self_signed, insecure=insecure_http
    )
    options = Options(
        access_log=AccessLog(sys.stderr, log_format),
        sealer=Sealer.in_folder(data_dir),
        sweep_interval=serve_options.interval(sweep_interval),
        event_retention=duration("--event-retention", event_retention) or None,
        key_requests_per_minute=key_requests_per_minute or None,
        metrics_token=serve_options.token(metrics_token_file),
        trusted_proxies=tuple(serve_options.network(text) for text in trusted_proxy or ()),
        leaks=serve_options.leak_reports(leak_keys, disable=disable_leaked_keys),
        webhooks=webhook_poster(allow_private=allow_private_webhooks, ca_file=webhook_ca_file),
        private_issuers=allow_private_issuers,
    )
    offset = duration("--clock-offset", clock_offset)
    log_to_stderr(log_format)
    with data_folder.prepared(data_dir, database, offset) as opened, listen(host, port) as listener:
        tls = ensure_self_signed(data_dir, [host, *(tls_name or ())]) if self_signed else given_tls
        if options.sealer is not None:
            require_master_key(opened, options.sealer)
        opened.close()  # a connection must not be shared by processes
        site = None if no_web else SiteOptions(_authority(tls))
        limits = Limits(max_connections, max_connections_per_address)

        def run(on_ready: Callable[[], None]) -> None:
            run_server(_app(opened, options, site), listener, tls, on_ready, limits)

        _run_processes(workers, run, _ready_line(listener, tls))


def _run_processes(workers: int, run: Callable[[Callable[[], None]], None], ready: str) -> None:
    if workers == 1:
        run(lambda: typer.echo(ready))
    else:
        serve_by(workers, run, lambda: typer.echo(ready))


def _authority(tls: TlsFiles | None) -> Path | None:
    return None if tls is None or tls.authority is None else tls.authority.absolute()


def _app(database: Database, options: Options, site: SiteOptions | None) -> FastAPI:
    app = create_app(database, options)
    if site is not None:
        add_pages(app, site)
    return app


def _ready_line(listener: socket, tls: TlsFiles | None) -> str:
    authority = _authority(tls)
    ca_file = None if authority is None else str(authority)
    return json.dumps({"url": url_of(listener, secure=tls is not None), "caFile": ca_file})
