"""Connections that respect the time limit of a call and detect incomplete headers.

``http.client`` accepts a status line or headers that end too early, and its time-out starts again
with every byte. Both are solved where bytes are read, so they are solved for headers, bodies,
chunks, trailers, 1xx answers and a proxy's answer to CONNECT, with and without TLS.
"""

import io
from dataclasses import dataclass
from http.client import HTTPResponse
from socket import gaierror, socket
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError

from signotaur_action.http.name_lookup import addresses, is_address
from signotaur_action.http.time_budget import TimeLeft


@dataclass(frozen=True)
class WaitLimits:
    """How long to wait until the next bytes are sent or received."""

    silence: float
    """Seconds between two bytes at most."""
    left: TimeLeft
    """The time of the whole call."""

    def seconds(self) -> float:
        """Return the seconds to wait for the next bytes. Raises TimeoutError after the limit."""
        left = self.left.seconds()
        if left <= 0:
            raise TimeoutError("the call reached its time limit")
        return min(self.silence, left)


class _Incoming(io.RawIOBase):
    """The bytes of one answer, starting with its status line."""

    def __init__(self, connection: socket, limits: WaitLimits) -> None:
        self._socket = connection
        self._bytes = connection.makefile("rb", buffering=0)
        self._limits = limits
        self.head_is_open = True
        """Whether the end of the headers has not been read yet."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._limits.seconds())
        count: int | None = self._bytes.readinto(buffer)
        if count == 0 and self.head_is_open:
            raise ConnectionResetError("the answer ended inside its headers")
        return count

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """An answer that is read within the limits and must have complete headers."""

    limits: WaitLimits

    def __init__(self, sock: socket, *arguments: Any, **settings: Any) -> None:
        super().__init__(sock, *arguments, **settings)
        self.fp.close()
        self._incoming = _Incoming(sock, self.limits)
        self.fp = io.BufferedReader(self._incoming)

    def begin(self, **settings: Any) -> None:
        super().begin(**settings)
        self._incoming.head_is_open = False


class _BoundedConnection(HTTPConnection):
    """A connection that looks up its host, connects, sends and reads within the limits."""

    limits: WaitLimits

    def _new_conn(self) -> socket:
        # urllib3 connects to _dns_host, and checks the certificate against host.
        name, connect_timeout = self._dns_host, self.timeout
        try:
            for address in self._addresses(name):
                self._dns_host = address
                self.timeout = min(float(connect_timeout or 0), self.limits.seconds())
                try:
                    return super()._new_conn()
                except HTTPError as error:
                    fault = error
            raise fault
        finally:
            self._dns_host, self.timeout = name, connect_timeout

    def _addresses(self, name: str) -> list[str]:
        if is_address(name.strip("[]")):
            return [name]
        try:
            return addresses(name, self.limits.seconds())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no address in time") from error
        except gaierror as error:
            raise NameResolutionError(self.host, self, error) from error

    def send(self, data: Any) -> None:
        if self.sock is not None:  # otherwise it connects first, which has its own time-out
            self.sock.settimeout(self.limits.seconds())
        super().send(data)


def bounded_connections(
    wait_limits: WaitLimits,
) -> dict[str, type[HTTPConnection | HTTPSConnection]]:
    """Return the connection classes that respect these limits, by URL scheme."""

    class Response(_BoundedResponse):
        limits = wait_limits

    class Plain(_BoundedConnection):
        limits = wait_limits
        response_class = Response

    class Tls(Plain, HTTPSConnection):
        pass

    return {"http": Plain, "https": Tls}
