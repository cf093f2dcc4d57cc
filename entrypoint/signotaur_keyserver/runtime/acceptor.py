"""Accept connections: each gets a place, or is closed, before a byte of it is read.

asyncio's own servers accept every connection, and report it only after its TLS handshake: until
then it can be neither counted nor closed.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial

from signotaur_keyserver.errors import os_reason
from signotaur_keyserver.runtime.connections import Connection, Connections

_SHUTDOWN_SECONDS = 5
_PAUSE_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Acceptor:
    """Accepts connections of a listening socket in the running event loop."""

    def __init__(
        self,
        listener: socket.socket,
        connections: Connections,
        protocol: Callable[[Connection], asyncio.Protocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._protocol = protocol
        self._tls = tls
        self._opening: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to accept."""
        self._listener.settimeout(0)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Accept no more, and end what has not opened yet."""
        self._loop.remove_reader(self._listener)
        for task in self._opening:
            task.cancel()

    def _accept(self) -> None:
        # One in each turn of the loop, so that a flood leaves time for those that are open.
        try:
            accepted, peer = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # Out of descriptors or memory: without a pause the loop would fail again at once.
            _log.warning("cannot accept connections for a moment: %s", os_reason(error))
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_PAUSE_SECONDS, self._resume)
            return
        place = self._connections.admit(peer[0], accepted.close)
        if place is None:
            accepted.close()
            return
        task = self._loop.create_task(self._open(accepted, place))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)

    async def _open(self, accepted: socket.socket, place: Connection) -> None:
        task = asyncio.current_task()
        if accepted.fileno() < 0 or task is None:
            return  # it made room for another one before its first turn
        place.end = task.cancel
        accepted.settimeout(0)
        seconds = self._connections.limits.head
        opened = False
        try:
            await self._loop.connect_accepted_socket(
                partial(self._protocol, place),
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=seconds if self._tls else None,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS if self._tls else None,
            )
            opened = True
        except OSError as error:
            _log.debug("a connection was not opened: %s", error)
        finally:
            if not opened:
                self._connections.remove(place)
