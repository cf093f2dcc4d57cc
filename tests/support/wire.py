"""TCP servers below HTTP: one follows a script, one cuts the answers of a real server."""

import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from select import select
from time import sleep
from typing import Self
from urllib.parse import urlsplit

from support.tls import Certificate

_PART = 65536
_NEVER = sys.maxsize
_SHUTDOWN_TIMEOUT = 60.0
"""Seconds to wait for a peer that does nothing; no test waits that long."""
_DELAY = 0.1


class Damage(Enum):
    """What happens to one byte of an answer that is complete otherwise."""

    DROPPED = "dropped"
    TWICE = "twice"
    FLIPPED = "flipped"
    DELAYED = "delayed"

    def of(self, byte: bytes) -> bytes:
        """Return what is sent instead of the byte."""
        if self is Damage.DELAYED:
            sleep(_DELAY)
        damaged = {
            Damage.DROPPED: b"",
            Damage.TWICE: byte * 2,
            Damage.FLIPPED: bytes([byte[0] ^ 1]),
        }
        return damaged.get(self, byte)


class Cut(Enum):
    """How a connection fails before the answer is complete."""

    FIN = "fin"
    RESET = "reset"
    STALL = "stall"
    """It stays open, and nothing more is sent."""


def cut(connection: socket.socket, how: Cut) -> None:
    """End a connection, or keep it open and silent until its peer closes it."""
    if how is Cut.STALL:
        _wait_until_closed(connection)
    if how is Cut.RESET:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _wait_until_closed(connection: socket.socket) -> None:
    connection.settimeout(_SHUTDOWN_TIMEOUT)
    try:
        while connection.recv(_PART):
            pass
    except OSError:
        return


class _Listener:
    """Accepts connections on one address, each in its own thread. A context manager."""

    scheme = "http"

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.count = 0
        """Number of connections so far."""
        self._socket = socket.create_server((host, 0))
        self.url = f"{self.scheme}://{host}:{self._socket.getsockname()[1]}"
        self._served: list[tuple[threading.Thread, socket.socket]] = []
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._socket.close()
        for thread, connection in self._served:
            with suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._served.append((thread, connection))
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self.serve(connection)
        except OSError:  # the client has gone
            return
        finally:
            connection.close()


class ScriptedServer(_Listener):
    """Answers each request by ``script``, which returns whether to read another request."""

    def __init__(
        self, script: Callable[[socket.socket], bool], tls: Certificate | None = None
    ) -> None:
        self._script = script
        self._context = None
        if tls:
            self.scheme = "https"
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(tls.certificate, tls.key)
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        """See ``_Listener``."""
        connection.settimeout(_SHUTDOWN_TIMEOUT)
        if self._context:
            connection = self._context.wrap_socket(connection, server_side=True)
        with connection:
            while connection.recv(_PART) and self._script(connection):
                pass


class Relay(_Listener):
    """Forwards bytes in both directions; cuts or damages the answers on chosen connections."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.scheme = parts.scheme
        self._upstream = (parts.hostname, parts.port)
        self._cut: tuple[int, Cut | Damage] | None = None
        self.received = b""
        """What the server sent on the last connection, including what was cut off."""
        super().__init__()

    def cut_next(self, after: int, how: Cut | Damage) -> None:
        """Cut the next connection after so many bytes from the server, or damage the next byte."""
        self._cut = (after, how)

    def serve(self, connection: socket.socket) -> None:
        """See ``_Listener``."""
        after, how = self._cut or (_NEVER, Cut.FIN)
        self._cut = None
        self.received = b""
        with socket.create_connection(self._upstream) as server:
            while True:
                ready, _, _ = select([connection, server], [], [], _SHUTDOWN_TIMEOUT)
                if connection in ready:
                    if not (part := connection.recv(_PART)):
                        return
                    server.sendall(part)
                if server in ready:
                    part = server.recv(_PART)
                    before = len(self.received)
                    self.received += part
                    if before <= after < len(self.received):
                        connection.sendall(part[: after - before])
                        if isinstance(how, Cut):
                            cut(connection, how)
                            return
                        byte, part = part[after - before :][:1], part[after - before + 1 :]
                        part = how.of(byte) + part
                    elif not part:
                        return
                    connection.sendall(part)


class TlsRelay(_Listener):
    """Speaks TLS with a certificate of the test, and passes on to a server without."""

    scheme = "https"

    def __init__(self, upstream: str, context: ssl.SSLContext, host: str = "127.0.0.1") -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._context = context
        self.sent = b""
        """What clients sent, decrypted."""
        super().__init__(host)

    def serve(self, connection: socket.socket) -> None:
        """See ``_Listener``."""
        connection.settimeout(_SHUTDOWN_TIMEOUT)
        with (
            self._context.wrap_socket(connection, server_side=True) as secure,
            socket.create_connection(self._upstream) as server,
        ):
            while True:
                # What TLS has decrypted already, select does not see.
                ready = [secure] if secure.pending() else select([secure, server], [], [])[0]
                for each, other in ((secure, server), (server, secure)):
                    if each in ready:
                        if not (part := each.recv(_PART)):
                            return
                        self.sent += part if each is secure else b""
                        other.sendall(part)
