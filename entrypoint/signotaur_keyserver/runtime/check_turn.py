"""Key checks that arrived in one turn of the event loop: the next turn answers them together.

They share one look at the database, which comes after all of them, and need no task each. What
cannot be answered from memory goes on to the application.
"""

import logging
from asyncio import get_running_loop
from collections.abc import Callable
from typing import Protocol

from starlette.types import Scope

_log = logging.getLogger(__name__)

Respond = Callable[[bytes | None], None]
"""Takes the JSON of an answer; None: the application has to answer."""


class Checks(Protocol):
    """What answers from memory; see ``api.known_checks``."""

    def look(self) -> bool:
        """See what was committed; return whether anything can be answered."""
        ...

    def answer(self, scope: Scope) -> bytes | None:
        """Return the JSON of a key check; None when the answer must be found out."""
        ...


class CheckTurn:
    """Used by the event loop alone."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        self._waiting: list[tuple[Scope, Respond]] = []

    def add(self, scope: Scope, respond: Respond) -> None:
        """Answer a key check in the next turn."""
        if not self._waiting:
            get_running_loop().call_soon(self._answer)
        self._waiting.append((scope, respond))

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        looked = self._checks.look()
        for scope, respond in waiting:
            respond(self._answer_to(scope) if looked else None)

    def _answer_to(self, scope: Scope) -> bytes | None:
        try:
            return self._checks.answer(scope)
        except Exception:  # noqa: BLE001 - the others must not wait in vain
            _log.exception("a key check was not answered from memory")
            return None
