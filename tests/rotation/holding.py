"""Hit a moment exactly: the front keeps an answer back until the test lets it go."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from support.client import Finished
from support.front import Exchange, Front


@contextmanager
def held_back(
    front: Front, method: str, part: str, before: int = 0
) -> Iterator[tuple[Event, Event]]:
    """Hold one call's answer back, after ``before`` like it; the server has done its work.

    Yields the event of the answer's arrival and the event that frees it, at the end set anyway.
    """
    arrived, free = Event(), Event()
    seen = 0

    def fault(exchange: Exchange) -> bool:
        nonlocal seen
        if exchange.method != method or part not in exchange.path:
            return False
        seen += 1
        if seen != before + 1:
            return False
        answer = exchange.forward()
        arrived.set()
        free.wait(30)
        try:
            exchange.answer(*answer)
        except OSError:  # nobody waits for it any more
            exchange.drop()
        return True

    front.faults.append(fault)
    try:
        yield arrived, free
    finally:
        free.set()


def wait(process: "subprocess.Popen[str]") -> Finished:
    """Wait for a started client."""
    out, err = process.communicate(timeout=300)
    return Finished(process.returncode, out, err)
