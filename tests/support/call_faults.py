"""Faults of ``support.front`` at one call of a rotation."""

import json
import time
from collections.abc import Callable
from random import Random

from signotaur_wire.problems import MEDIA_TYPE, Problem
from support.front import Exchange, Fault, answering, lost_answer, times

CALLS = {
    "self": ("GET", "/keys/self", 0),
    "rotation": ("PUT", "/rotations/", 0),
    "verify": ("GET", "/keys/self", 1),
    "confirmation": ("PUT", "/confirmation", 0),
}
"""The calls of a run: method, part of the path, and how many like it come before."""
ANOTHER_RUN = "a run of the chaos"
"""Whose lease it is that ``chaos`` refuses changes for."""


def at(call: str, fault: Fault, count: int = 1) -> Fault:
    """Commit a fault at one call of the run, ``count`` times."""
    method, part, before = CALLS[call]
    seen = 0

    def here(exchange: Exchange) -> bool:
        nonlocal seen
        if exchange.method != method or part not in exchange.path:
            return False
        seen += 1
        return seen > before and fault(exchange)

    return times(count, here)


def altered(change: Callable[[bytes], bytes]) -> Fault:
    """Let the server answer, and change the answer's body on its way."""

    def fault(exchange: Exchange) -> bool:
        status, headers, body = exchange.forward()
        exchange.answer(status, headers, change(body))
        return True

    return fault


def twice(answered: int) -> Fault:
    """Let a request arrive twice, and answer it with the first or the second answer."""

    def fault(exchange: Exchange) -> bool:
        answers = [exchange.forward(), exchange.forward()]
        exchange.answer(*answers[answered])
        return True

    return fault


def torn(length: int) -> Fault:
    """Send the whole answer's head and only the first bytes of its body."""

    def fault(exchange: Exchange) -> bool:
        _send(exchange, *exchange.forward(), pace=0, upto=length)
        exchange.drop()
        return True

    return fault


def dripping(pace: float) -> Fault:
    """Send an answer's body byte by byte."""

    def fault(exchange: Exchange) -> bool:
        _send(exchange, *exchange.forward(), pace=pace)
        return True

    return fault


def _send(
    exchange: Exchange,
    status: int,
    headers: dict[str, str],
    body: bytes,
    *,
    pace: float,
    upto: int | None = None,
) -> None:
    handler = exchange._handler
    handler.send_response(status)
    for name, value in (headers | {"Content-Length": str(len(body))}).items():
        handler.send_header(name, value)
    handler.end_headers()
    if not pace:
        handler.wfile.write(body[:upto])
        return
    for byte in body:
        time.sleep(pace)
        try:
            handler.wfile.write(bytes([byte]))
        except OSError:  # the client has gone
            return


def chaos(chance: Random) -> Fault:
    """Of 100 calls answer 5 with 503, lose 3 answers, and delay 1; refuse 2 of 100 changes.

    They are refused for ``ANOTHER_RUN``. A server does that for changes alone, and not for one that
    it has made already.
    """
    problem = {"type": Problem.ROTATION_OPEN, "status": 409, "holder": ANOTHER_RUN}
    refused = answering(
        409, json.dumps(problem).encode(), method="PUT", Content_Type=MEDIA_TYPE, Retry_After="1"
    )
    away, lost, slow = answering(503, Retry_After="1"), lost_answer("", ""), dripping(0.001)
    seen: set[str] = set()

    def fault(exchange: Exchange) -> bool:
        drawn, is_new = chance.randrange(100), exchange.path not in seen
        seen.add(exchange.path)
        if drawn < 5:
            return away(exchange)
        if drawn < 8:
            return lost(exchange)
        if drawn < 10:
            return is_new and refused(exchange)
        return drawn < 11 and slow(exchange)

    return fault
