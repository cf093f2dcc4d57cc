"""A watchdog of Python alone, for a system whose kernel has none.

A thread ends the process when the time is over. It cannot do so while the process is suspended:
then both threads wake up together, and a few instructions may run first. So the port asks
``check`` before whatever it writes; a request that is sent in that moment stays possible, and the
server's lease answers for it.
"""

import os
import threading
import time
from collections.abc import Callable

CODE = 142
"""The exit code: what a shell or a container reports after SIGALRM."""
_STDERR = 2


def leave(last_words: str) -> None:
    """End this process at once: no ``finally``, no flush of buffers that could contain a key."""
    try:
        os.write(_STDERR, last_words.encode())
    finally:
        os._exit(CODE)


class Watchdog:
    """One deadline for this process. ``leave`` is given the last words."""

    def __init__(
        self,
        leave: Callable[[str], None] = leave,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leave = leave
        self._clock = clock
        self._end: float | None = None
        self._last_words = ""
        self._ended = threading.Event()

    def start(self, seconds: float, last_words: str) -> None:
        """Start the time now; an earlier start is cancelled."""
        self.stop()
        self._end = self._clock() + seconds
        self._last_words = last_words
        self._ended = threading.Event()
        # A daemon: a run that is done does not wait for its watchdog.
        threading.Thread(
            target=self._watch, args=(seconds, self._ended), name="watchdog", daemon=True
        ).start()

    def stop(self) -> None:
        """Cancel the deadline."""
        self._end = None
        self._ended.set()

    def check(self) -> None:
        """End the process if its time is over."""
        if self._end is not None and self._clock() >= self._end:
            self._leave(self._last_words)

    def _watch(self, seconds: float, ended: threading.Event) -> None:
        if not ended.wait(seconds):
            self._leave(self._last_words)
