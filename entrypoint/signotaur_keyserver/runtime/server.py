"""Listening: uvicorn with our sockets, our log and our end.

It gets everything as arguments; it reads neither environment nor command line.
"""

import asyncio
import logging
import resource
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from types import FrameType

import uvicorn
from fastapi import FastAPI

from signotaur_keyserver.api.app import KeyServer
from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.runtime.acceptor import Acceptor
from signotaur_keyserver.runtime.bounded_http import BoundedHttp
from signotaur_keyserver.runtime.check_turn import CheckTurn
from signotaur_keyserver.runtime.connections import DEFAULT, Connection, Connections, Limits
from signotaur_keyserver.runtime.errors import ServerError
from signotaur_keyserver.runtime.tls import TlsFiles

_BACKLOG = 512
_GRACE_SECONDS = 10
"""Of requests that are under way when the server is asked to end."""
_IDLE_SECONDS = 0.3
"""Of connections without a request when the server ends; a last answer needs them to leave."""
_OTHER_DESCRIPTORS = 100
"""Of the process: its database, its log, its event loop, with room to spare."""
_TICKS_PER_SECOND = 10
_TICKS_PER_MINUTE = 600
_log = logging.getLogger(__name__)
_STARTUP_FAILED = "the server could not start"


def serve(
    app: FastAPI,
    listener: socket.socket,
    tls: TlsFiles | None,
    on_ready: Callable[[], None],
    limits: Limits = DEFAULT,
) -> None:
    """Serve until SIGTERM or SIGINT; call ``on_ready`` once connections are accepted.

    Raises ServerError when the application's start fails.
    """
    server = Server(configured(app, tls), on_ready, _within_open_files(limits))
    try:
        server.run(sockets=[listener])
    except SystemExit as error:
        raise ServerError(_STARTUP_FAILED) from error


def configured(app: FastAPI, tls: TlsFiles | None) -> uvicorn.Config:
    """Return uvicorn's settings: what it believes, tells and logs is kept to the least."""
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,  # ours tells less, on purpose
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
    )
    config.load()
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def listen(host: str, port: int) -> socket.socket:
    """Bind; port 0 takes a free one. Raises ServerError when the address is not to be had."""
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(info[4][:2], family=info[0], backlog=_BACKLOG)
    except OSError as error:
        raise ServerError(f"cannot listen on {host} port {port}: {os_reason(error)}") from error


def _within_open_files(limits: Limits) -> Limits:
    """Raise the process's limit of open files; return limits on connections that keep to it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems have a hard limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    if soft == resource.RLIM_INFINITY or soft - _OTHER_DESCRIPTORS >= limits.connections:
        return limits
    _log.warning(
        "the limit of %d open files allows fewer connections than --max-connections: raise the "
        "limit (ulimit -n)",
        soft,
    )
    return replace(limits, connections=max(2, soft - _OTHER_DESCRIPTORS))


def url_of(listener: socket.socket, *, secure: bool) -> str:
    """Return the URL under which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    address = ip_address(host)
    if address.is_unspecified:
        host = "::1" if isinstance(address, IPv6Address) else "127.0.0.1"
    host_part = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{host_part}:{port}"


class Server(uvicorn.Server):
    """uvicorn's server, with bounds on connections and requests."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], limits: Limits = DEFAULT
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._connections = Connections(limits)
        app = config.app
        self._checks = CheckTurn(app.known_checks) if isinstance(app, KeyServer) else None
        self._reload_asked = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept connections."""
        await super().startup(sockets=[])
        self._acceptors = [
            Acceptor(listener, self._connections, self._protocol, self.config.ssl)
            for listener in sockets or []
        ]
        for acceptor in self._acceptors:
            acceptor.start()
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, then end in good order."""
        for acceptor in self._acceptors:
            acceptor.close()
        idle = asyncio.create_task(self._end_idle())
        try:
            await super().shutdown(sockets)
        finally:
            idle.cancel()

    async def _end_idle(self) -> None:
        """End connections without a request: over TLS, an idle client does not answer a close."""
        while True:
            await asyncio.sleep(_IDLE_SECONDS)
            self._connections.end_idle(_IDLE_SECONDS)

    async def on_tick(self, counter: int) -> bool:
        """Close connections that take too long, and log how many were closed."""
        if self._reload_asked:
            self._reload_asked = False
            self._reload_certificate()
        if counter % _TICKS_PER_SECOND == 0:
            self._connections.end_overdue()
        if counter % _TICKS_PER_MINUTE == 0 and self._connections.turned_away:
            _log.warning(
                "%d connections were refused or closed in the last minute: too many from one "
                "address, too many in total, or too slow",
                self._connections.turned_away,
            )
            self._connections.turned_away = 0
        return await super().on_tick(counter)

    def _ask_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload_asked = True

    def _reload_certificate(self) -> None:
        """Use the certificate's files as they are now, for new connections."""
        certificate, key = self.config.ssl_certfile, self.config.ssl_keyfile
        if self.config.ssl is None or certificate is None:
            return
        try:
            # Tried apart: a pair that does not match would leave the server with half of it.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
            self.config.ssl.load_cert_chain(certificate, key)
        except (OSError, ValueError) as error:
            _log.error(
                "the certificate was not reloaded; the previous one stays in use: %s",
                os_reason(error),
            )
        else:
            _log.info("the certificate was reloaded")

    def _protocol(self, place: Connection) -> BoundedHttp:
        return BoundedHttp(
            self._connections,
            place,
            self._checks,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in good order at a signal; uvicorn would raise it again and die of it.

        SIGHUP reloads the certificate.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # no signal comes to another one
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._ask_reload)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
