"""HTTP over one connection, with a bound on everything that a client may send or delay.

uvicorn's protocol on httptools, which has no such bounds. Its protocol on h11 limits an incomplete
head, but no time, so it would need the same additions; and ``GET /keys/self`` takes a quarter
more processor time with it.
"""

from asyncio import Transport
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from signotaur_keyserver.api.key_check import is_key_check
from signotaur_keyserver.api.middleware import FIXED_HEADERS
from signotaur_keyserver.api.problems import problem_response
from signotaur_keyserver.runtime.check_turn import CheckTurn
from signotaur_keyserver.runtime.connections import Connection, Connections, Phase
from signotaur_keyserver.runtime.joined_writes import JoinedWrites
from signotaur_wire.problems import Problem

HEAD_LIMIT = 16 * 1024
"""Bytes of a request besides its body: request line, headers, trailers and chunk framing."""
_PART = 4096
"""Bytes that are parsed before they are counted again."""


class BoundedHttp(HttpToolsProtocol):
    """One connection that has a place among the others."""

    def __init__(
        self,
        connections: Connections,
        place: Connection,
        checks: CheckTurn | None,
        **uvicorn: Any,
    ) -> None:
        super().__init__(**uvicorn)
        self._checks = checks
        self.timeout_keep_alive = connections.limits.idle
        self._places = connections
        self._place = place
        self._framing = 0
        self._unanswered = 0
        self._half_closed = False

    def connection_made(self, transport: Any) -> None:
        """Begin: from now on the transport is what ends the connection."""
        self._writes = JoinedWrites(transport, self.loop)
        super().connection_made(cast("Transport", self._writes))
        self._place.end = transport.abort

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        super().connection_lost(exc)
        self._places.remove(self._place)

    def data_received(self, data: bytes) -> None:
        """Parse in small parts, so that little more than the limit is ever kept in memory."""
        if self._place.phase is Phase.IDLE:
            self._places.enter(self._place, Phase.HEAD)
        while data:
            size = min(_PART, HEAD_LIMIT + 1 - self._framing)
            part, data = data[:size], data[size:]
            self._framing += len(part)
            super().data_received(part)
            if self.transport.is_closing():
                return
            if self._framing > HEAD_LIMIT:
                self._refuse(
                    431, f"The request line and headers must not be longer than {HEAD_LIMIT} bytes."
                )
                return

    # asyncio allows a bool here (Protocol.eof_received); uvicorn declares None.
    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep a connection whose client only waits for its answer; over TLS nobody can."""
        self._half_closed = self._place.phase is Phase.ANSWER and self.scheme == "http"
        return self._half_closed

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self._place.phase is not Phase.HEAD:
            self._places.enter(self._place, Phase.HEAD)

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        super().on_headers_complete()
        self._unanswered += 1
        self._place.busy = True
        self._places.enter(self._place, Phase.BODY)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin an answer; uvicorn calls this for one request of a connection at a time."""
        scope = cast("Scope", cycle.scope)
        if self._checks is not None and self._can_be_short(cycle) and is_key_check(scope):
            self._checks.add(scope, partial(self._respond, cycle, app))
        else:
            super()._start_asgi_task(cycle, app)

    def _can_be_short(self, cycle: RequestResponseCycle) -> bool:
        return cycle.keep_alive and not self.flow.write_paused

    def _respond(
        self, cycle: RequestResponseCycle, app: ASGI3Application, body: bytes | None
    ) -> None:
        if body is None:
            super()._start_asgi_task(cycle, app)
            return
        cycle.response_started = cycle.response_complete = True
        date = _lines(self.server_state.default_headers)
        self.transport.write(STATUS_LINE[200] + date + _CHECK_LINES % len(body) + body)
        if not cycle.keep_alive:  # the server was asked to end meanwhile
            self.transport.close()
        self.on_response_complete()
        cycle.on_response = _nothing  # as uvicorn does, so that no reference leads back

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, which counts for the body's own limit."""
        self._framing -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, which may be answered already."""
        super().on_message_complete()
        self._framing = 0
        self._places.enter(self._place, Phase.ANSWER if self._unanswered else Phase.IDLE)

    def on_response_complete(self) -> None:
        """End an answer. A connection that has proven a key is authenticated."""
        # In the next turn the client's end could come first.
        self._writes.send()
        super().on_response_complete()
        self._unanswered -= 1
        self._place.busy = self._unanswered > 0
        self._place.known = self._place.known or "key_id" in self.cycle.scope["state"]
        if self._half_closed and not self._unanswered:
            self.transport.close()
        if self._place.phase is Phase.ANSWER:
            self._places.enter(self._place, Phase.ANSWER if self._unanswered else Phase.IDLE)

    def pause_writing(self) -> None:
        """Wait for a client that does not read. It may be closed for a new connection meanwhile."""
        super().pause_writing()
        self._place.busy = False

    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        self._place.busy = self._unanswered > 0

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed as HTTP."""
        del msg
        self._refuse(400, "This is not an HTTP/1.1 request.")

    def _refuse(self, status: int, detail: str) -> None:
        if self._place.phase is not Phase.HEAD or self._unanswered:
            # An answer was sent or begun: the client would read another one as a part of it.
            self.transport.abort()
            return
        answer = problem_response(Problem.MALFORMED_REQUEST, HTTPStatus(status), detail)
        headers = [*answer.raw_headers, *FIXED_HEADERS, (b"connection", b"close")]
        lines = _lines([*self.server_state.default_headers, *headers])
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + bytes(answer.body))
        self.transport.close()


def _nothing() -> None:
    """Do nothing."""


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers)


_CHECK_LINES = (
    _lines([(b"content-length", b"%d"), (b"content-type", b"application/json"), *FIXED_HEADERS])
    + b"\r\n"
)
"""Headers of an answer to a key check, but for its length and the date."""
