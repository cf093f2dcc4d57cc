"""Key checks that arrived in one turn of the event loop: the next turn answers them together.

They share one look at the database, which comes after all of them, and need no task each. What
cannot be answered from memory goes on to the application.
"""

from asyncio import get_running_loop
from collections.abc import Callable

from starlette.types import Scope

from signotaur_keyserver.api.known_checks import KnownChecks

Respond = Callable[[bytes | None], None]
"""Takes the JSON of an answer; None: the application has to answer."""


class CheckTurn:
    """Used by the event loop alone."""

    def __init__(self, checks: KnownChecks) -> None:
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
            respond(self._checks.answer(scope) if looked else None)
