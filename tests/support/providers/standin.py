"""What all stand-ins share: an HTTP server that records requests and commits faults on demand.

A stand-in enforces a service's published rules. What a client does against them
gathers in ``violations`` and fails the test when the stand-in is left.
"""

import ssl
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from types import TracebackType
from typing import Any, Self, cast

from signotaur_action.machine.clock import SystemClock
from signotaur_action.ports import Clock
from support.providers.exchange import Call, Drop, Fault, Reply, Request
from support.tls import Certificate

LARGEST_BODY = 1024 * 1024


class StandIn(ABC):
    """A service on a free port of 127.0.0.1, in the test's own process.

    ``faults`` are asked in order, and the first that answers wins; then ``handle``.
    """

    def __init__(self, *, tls: Certificate | None = None) -> None:
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.violations: list[str] = []
        self.clock_offset = timedelta(0)
        # A test whose client only pretends to sleep puts the client's clock here.
        self.clock: Clock = SystemClock()
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._quiet_until: dict[str, float] = {}
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    @abstractmethod
    def handle(self, call: Call) -> Reply | Drop:
        """Do the service's work. Runs under ``lock``: one call at a time."""

    def caller(self, call: Call) -> str:
        """Tell callers apart, for what they were told to wait."""
        names = ("authorization", "private-token", "job-token", "x-vault-token", "circle-token")
        return next((call.headers[name] for name in names if name in call.headers), "")

    def now(self) -> datetime:
        """Return the service's time."""
        return self.clock.now() + self.clock_offset

    def calls(self, method: str = "", part: str = "") -> list[Request]:
        """Return the recorded requests of a method whose path holds ``part``."""
        with self.lock:
            return [
                each for each in self.requests if method in ("", each.method) and part in each.path
            ]

    def violation(self, text: str) -> None:
        """Note what a client did against the rules."""
        with self.lock:
            self.violations.append(text)

    def must_wait(self, call: Call, seconds: float) -> None:
        """Demand that this caller stays away; called for every ``Retry-After`` in seconds."""
        with self.lock:
            self._quiet_until[self.caller(call)] = self.clock.monotonic() + seconds

    def answer(self, call: Call) -> Reply | Drop:
        """Answer a call: a fault, or the service's own work."""
        self._check_wait(call)
        try:
            for fault in list(self.faults):
                outcome = fault(call)
                if outcome is not None:
                    break
            else:
                outcome = call.perform()
        except Exception:  # noqa: BLE001 - whatever it is, the test must hear of it
            self.violation(f"{call.method} {call.path}: {traceback.format_exc()}")
            outcome = Reply(500, {"message": "the stand-in failed"})
        if isinstance(outcome, Reply):
            delay = {name.lower(): text for name, text in outcome.headers.items()}.get(
                "retry-after", ""
            )
            if delay.isdigit():
                self.must_wait(call, int(delay))
        return outcome

    def record(self, request: Request) -> None:
        """Keep a request; before its answer goes out, so that the client cannot be ahead."""
        with self.lock:
            self.requests.append(request)

    def _check_wait(self, call: Call) -> None:
        with self.lock:
            left = self._quiet_until.pop(self.caller(call), 0.0) - self.clock.monotonic()
        if left > 0:
            self.violation(f"{call.method} {call.path} came {left:.3f} s before its time")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()
        if kind is None and self.violations:
            raise AssertionError("against the service's rules:\n" + "\n".join(self.violations))


class _Server(ThreadingHTTPServer):
    # Threads are waited for: none outlives its test. Closing the connections ends them.
    daemon_threads = False

    def __init__(self, stand_in: StandIn, tls: Certificate | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stand_in = stand_in
        self._connections: set[socket] = set()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            # The handshake is the connection's own thread's: it must not stop the others.
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.stand_in.lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if isinstance(request, ssl.SSLSocket):
            request.do_handshake()
        super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.stand_in.lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self.stand_in.lock:
            for connection in self._connections:
                try:
                    connection.shutdown(SHUT_RDWR)
                except OSError:
                    continue  # its peer was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that is killed, or refuses a certificate, is a test's business.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        stand_in = cast("_Server", self.server).stand_in
        length = self.headers.get("Content-Length") or "0"
        headers = {name.lower(): text for name, text in self.headers.items()}
        refusal = None
        if "transfer-encoding" in headers or not length.isdigit():
            refusal = Reply(411, {"message": "Length Required"})
        elif int(length) > LARGEST_BODY:
            refusal = Reply(413, {"message": "Payload Too Large"})
            self._discard(int(length))
        body = b"" if refusal else self.rfile.read(int(length))
        if not refusal and len(body) < int(length):
            self.close_connection = True  # the client went away in the middle
            return
        call = Call(stand_in, self.command, self.path, headers, body)
        outcome = refusal or stand_in.answer(call)
        # Of a request whose body nobody read, the connection is no use any more.
        self.close_connection |= refusal is not None or isinstance(outcome, Drop)
        status = outcome.status if isinstance(outcome, Reply) else 0
        stand_in.record(Request(self.command, self.path, headers, body, status))
        if isinstance(outcome, Reply):
            self._send(outcome, stand_in.now())

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = _handle  # noqa: N815 - http.server's names
    do_LIST = _handle  # noqa: N815 - a method of Vault's

    def _discard(self, length: int) -> None:
        # A client that is cut off while it sends does not read why.
        while length > 0 and (piece := self.rfile.read(min(length, LARGEST_BODY))):
            length -= len(piece)

    def _send(self, reply: Reply, now: datetime) -> None:
        content = reply.content()
        self.send_response_only(reply.status)
        headers = {"Date": format_datetime(now, usegmt=True)}
        if reply.status != 204:  # it has no body, and no length of one
            headers |= {
                "Content-Type": "application/json; charset=utf-8",
                "Content-Length": str(len(content)),
            }
        if self.close_connection:
            headers["Connection"] = "close"
        for name, text in (headers | reply.headers).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD" and reply.status != 204:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
