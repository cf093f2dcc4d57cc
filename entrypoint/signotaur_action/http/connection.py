"""Connections over which an answer comes whole and in time, or not at all.

``http.client`` takes a status line or headers that break off for whole ones, and its time-out
counts anew with every byte that comes. Both are a matter of how bytes are read, so both are
settled here, for headers, bodies, chunks, trailers, interim answers, a proxy's answer to CONNECT,
with TLS and without.
"""

import io
from dataclasses import dataclass
from http.client import HTTPResponse
from socket import socket
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection

from signotaur_action.http.time_budget import TimeLeft


@dataclass(frozen=True)
class ReadLimits:
    """How long bytes of an answer are waited for."""

    silence: float
    """The longest pause between two bytes, in seconds."""
    left: TimeLeft
    """The time of the whole call."""

    def seconds(self) -> float:
        """Return how long to wait for the next bytes. Raises TimeoutError when time is over."""
        left = self.left.seconds()
        if left <= 0:
            raise TimeoutError("the time of the call is over")
        return min(self.silence, left)


class _Incoming(io.RawIOBase):
    """The bytes of one answer, from its status line on."""

    def __init__(self, connection: socket, limits: ReadLimits) -> None:
        self._socket = connection
        self._bytes = connection.makefile("rb", buffering=0)
        self._limits = limits
        self.head_is_open = True
        """Whether status line and headers have not ended yet."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._limits.seconds())
        count: int | None = self._bytes.readinto(buffer)
        if count == 0 and self.head_is_open:
            raise ConnectionResetError("the answer ended within its headers")
        return count

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """An answer that is read within limits, whose headers must have an end."""

    limits: ReadLimits

    def __init__(self, sock: socket, *arguments: Any, **settings: Any) -> None:
        super().__init__(sock, *arguments, **settings)
        self.fp.close()
        self._incoming = _Incoming(sock, self.limits)
        self.fp = io.BufferedReader(self._incoming)

    def begin(self) -> None:
        super().begin()
        self._incoming.head_is_open = False


def bounded_connections(
    read_limits: ReadLimits,
) -> dict[str, type[HTTPConnection | HTTPSConnection]]:
    """Return the classes of connection, by scheme, whose answers are read within limits."""

    class Response(_BoundedResponse):
        limits = read_limits

    class Plain(HTTPConnection):
        response_class = Response

    class Tls(HTTPSConnection):
        response_class = Response

    return {"http": Plain, "https": Tls}
