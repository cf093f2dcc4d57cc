"""The access log: a line for each request, past Python's logging.

A record of logging took a quarter of a key check's processor time, and a write of its own a tenth.
"""

import json
import time
from asyncio import get_running_loop
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from signotaur_keyserver.runtime.logs import LogFormat, line_members

_LOGGER = "signotaur_keyserver.access"
_LEVEL = "INFO"
_LINES_AT_ONCE = 10
"""Lines of one write: a pipe keeps 4096 bytes together when other processes write to it, too."""


class AccessLog:
    """Writes lines that look like those of the log. Used by the event loop alone."""

    def __init__(
        self, stream: TextIO, log_format: LogFormat, clock: Callable[[], float] = time.time
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._line = self._json if log_format is LogFormat.JSON else self._text
        self._waiting: list[str] = []
        self._second, self._time = -1, ""

    def __call__(
        self, method: str, path: str, status: int, milliseconds: float, key_id: object
    ) -> None:
        """Write a line in the next turn of the event loop at the latest."""
        if not self._waiting:
            get_running_loop().call_soon(self._write)
        self._waiting.append(self._line(method, path, status, milliseconds, key_id))
        if len(self._waiting) >= _LINES_AT_ONCE:
            self._write()

    def _write(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines:
            # A full disk must not fail a request, and there is nowhere else to report it.
            with suppress(OSError):
                self._stream.write("".join(lines))
                self._stream.flush()

    def _text(
        self, method: str, path: str, status: int, milliseconds: float, key_id: object
    ) -> str:
        created = self._clock()
        second = int(created)
        if second != self._second:
            self._second = second
            self._time = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return (
            f"{self._time},{int((created - second) * 1000):03} {_LEVEL} "
            f"{method} {path} {status} {milliseconds:.1f}ms key={key_id}\n"
        )

    def _json(
        self, method: str, path: str, status: int, milliseconds: float, key_id: object
    ) -> str:
        message = f"{method} {path} {status} {milliseconds:.1f}ms key={key_id}"
        line = line_members(self._clock(), _LEVEL, _LOGGER, message)
        line |= {
            "method": method,
            "path": path,
            "status": status,
            "milliseconds": milliseconds,
            "keyId": key_id,
        }
        return json.dumps(line) + "\n"
