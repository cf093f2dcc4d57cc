"""A transport that sends what is written in one turn of the event loop at once.

uvicorn writes the head and the body of an answer one by one. Over TLS each would be a record of
its own, and each a call of the system: a quarter of the processor time of a key check.
"""

from asyncio import AbstractEventLoop, Transport
from typing import Any

_LARGEST = 64 * 1024
"""Bytes that wait: with more, the transport has to say whether its client reads them."""


class JoinedWrites:
    """Joins writes; all else is the transport's own."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        """Send in the next turn at the latest."""
        if not self._waiting:
            self._loop.call_soon(self.send)
        self._waiting += data
        if len(self._waiting) >= _LARGEST:
            self.send()

    def close(self) -> None:
        """Send what waits, and close."""
        self.send()
        self._transport.close()

    def send(self) -> None:
        """Send what waits, unless the connection has ended: uvloop raises an error then."""
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            if not self._transport.is_closing():
                self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
