"""A front before the real key server that records every request and commits faults on demand.

It speaks as the server does on 127.0.0.1: plain http, or TLS with the server's own certificate.
"""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request as the server saw it, and the status it was answered with (0: none)."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    status: int


class Exchange:
    """One request under way, as a fault sees it."""

    def __init__(self, handler: "_Handler", body: bytes) -> None:
        self._handler = handler
        self.method = handler.command
        self.path = handler.path
        self.body = body

    def forward(self) -> tuple[int, dict[str, str], bytes]:
        """Send the request on to the real server and return its answer."""
        return self._handler.forward(self.body)

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """Answer the client."""
        self._handler.reply(status, headers, body)

    def drop(self) -> None:
        """Close the connection without an answer."""
        self._handler.drop()


Fault = Callable[[Exchange], bool]
"""Deals with an exchange and returns True, or returns False to let it pass."""


class Front:
    """The front; ``faults`` are asked in order, each request passes at most one."""

    def __init__(self, upstream: str, tls: Path | None = None) -> None:
        """``tls``: the folder with the certificate of a server that speaks TLS."""
        self._upstream = upstream.partition("://")[2]
        self._trusted = tls and ssl.create_default_context(cafile=tls / "ca.pem")
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.front = self  # type: ignore[attr-defined]
        self._server.daemon_threads = True
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "server.pem", tls / "server-key.pem")
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    def calls(self, method: str, part: str = "") -> list[Request]:
        """Return the recorded requests of a method whose path holds ``part``."""
        return [each for each in self.requests if each.method == method and part in each.path]

    def connection(self) -> http.client.HTTPConnection:
        """Return a new connection to the server."""
        if self._trusted:
            return http.client.HTTPSConnection(self._upstream, timeout=60, context=self._trusted)
        return http.client.HTTPConnection(self._upstream, timeout=60)

    @property
    def options(self) -> tuple[str, ...]:
        """The client's options to reach the server through this front, on plain http."""
        return ("--sign-server", self.url)

    @contextmanager
    def running(self) -> Iterator["Front"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def times(count: int, fault: Fault) -> Fault:
    """Commit a fault only the first ``count`` times it would apply."""
    left = [count]

    def limited(exchange: Exchange) -> bool:
        if left[0] <= 0 or not fault(exchange):
            return False
        left[0] -= 1
        return True

    return limited


def lost_answer(method: str, part: str) -> Fault:
    """Let the server do its work and lose the answer."""

    def fault(exchange: Exchange) -> bool:
        if method not in ("", exchange.method) or part not in exchange.path:
            return False
        exchange.forward()
        exchange.drop()
        return True

    return fault


def answering(
    status: int, body: bytes = b"{}", part: str = "", method: str = "", **headers: str
) -> Fault:
    """Answer in the server's place."""

    def fault(exchange: Exchange) -> bool:
        if part not in exchange.path or method not in ("", exchange.method):
            return False
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange.answer(status, {"Content-Type": "application/json"} | named, body)
        return True

    return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        front: Front = self.server.front  # type: ignore[attr-defined]
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._recorded = False
        exchange = Exchange(self, self._body)
        if not any(fault(exchange) for fault in front.faults):
            self.reply(*self.forward(self._body))
        self._record(0)

    def _record(self, status: int) -> None:
        """Record the request once, before the client knows its outcome: it may look at once."""
        if self._recorded:
            return
        self._recorded = True
        headers, body = dict(self.headers.items()), json.loads(self._body) if self._body else None
        front: Front = self.server.front  # type: ignore[attr-defined]
        front.requests.append(Request(self.command, self.path, headers, body, status))

    do_GET = do_PUT = do_DELETE = do_POST = _handle  # noqa: N815 - http.server's names

    def forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        front: Front = self.server.front  # type: ignore[attr-defined]
        connection = front.connection()
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "connection", "accept-encoding")
        }
        connection.request(self.command, self.path, body or None, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        kept = ("content-type", "retry-after", "www-authenticate")
        return (
            response.status,
            {name: value for name, value in response.getheaders() if name.lower() in kept},
            content,
        )

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._record(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drop(self) -> None:
        self._record(0)
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass
