"""One request over verified TLS: to a public address, without redirects, bounded.

The name is looked up once, and the connection goes to the very address that was checked. So a
name whose address changes in between gets nowhere.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Timer
from urllib.parse import urlsplit

from signotaur_keyserver.domain.addresses import is_public
from signotaur_keyserver.errors import os_reason

SECONDS = 10.0
"""For everything after the look-up of the name."""
_HTTPS = 443

Lookup = Callable[[str, int], list[str]]


class HttpsError(Exception):
    """There was no answer. The message contains nothing that the other side sent."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a name. Raises OSError."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in infos]


@dataclass(frozen=True)
class HttpsClient:
    """Sends requests with fixed rules."""

    allow_private: bool = False
    """Whether loopback, link-local and private addresses may be used."""
    tls: ssl.SSLContext | None = None
    """None: the authorities that the system trusts."""
    look_up: Lookup = look_up
    seconds: float = SECONDS

    def send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], most: int
    ) -> tuple[int, bytes]:
        """Send a request; return the status, and ``most`` bytes of the body at most.

        Raises HttpsError.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _HTTPS
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        tls = self.tls or ssl.create_default_context()
        try:
            connection = _Connection(host, port, self._address(host, port), tls, self.seconds)
            return self._exchange(connection, method, target, body, headers, most)
        except ssl.SSLCertVerificationError:
            raise HttpsError("the other server's certificate is not trusted") from None
        # A UnicodeError is raised for a name that no name server could know, and for a path that
        # is not ASCII.
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise HttpsError(f"no answer: {os_reason(error)}") from None

    def _exchange(
        self,
        connection: "_Connection",
        method: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
        most: int,
    ) -> tuple[int, bytes]:
        # A receiver that sends a byte now and then keeps every time-out from ending.
        limit = Timer(self.seconds, connection.abort)
        limit.daemon = True
        limit.start()
        try:
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read(most) if most else b""
        finally:
            limit.cancel()
            connection.close()

    def _address(self, host: str, port: int) -> str:
        addresses = self.look_up(host, port)
        if not addresses:
            raise HttpsError("the name has no address")
        if not self.allow_private and not all(is_public(each) for each in addresses):
            raise HttpsError("the name leads to an address that is not public")
        return addresses[0]


class _Connection(http.client.HTTPSConnection):
    """A connection to an address that is known, for a name."""

    def __init__(
        self, host: str, port: int, address: str, tls: ssl.SSLContext, seconds: float
    ) -> None:
        super().__init__(host, port, timeout=seconds, context=tls)
        self._checked = address
        self._tls = tls

    def connect(self) -> None:
        """Connect to the checked address, and verify the name."""
        plain = socket.create_connection((self._checked, self.port), self.timeout)
        self.sock = plain
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def abort(self) -> None:
        """End whatever the connection is doing, from another thread."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
