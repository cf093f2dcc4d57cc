"""Refusals as events, in bounded number and off the path of the answer.

A stranger must be able neither to fill the disk nor to make readers wait for a write.
"""

import logging
from contextlib import suppress
from queue import Full, Queue
from threading import Thread

from sqlalchemy.exc import SQLAlchemyError

from signotaur_keyserver.api.buckets import TokenBuckets
from signotaur_keyserver.database import Database, DatabaseUnavailableError
from signotaur_keyserver.events import Event, EventType, Level
from signotaur_keyserver.refusals import Refused
from signotaur_keyserver.store import events
from signotaur_wire.problems import Problem

_log = logging.getLogger(__name__)

_TOLD = {
    Problem.UNKNOWN_KEY: Level.SECURITY,
    Problem.KEY_EXPIRED: Level.WARNING,
    Problem.KEY_REVOKED: Level.SECURITY,
    Problem.KEY_DISABLED: Level.SECURITY,
    Problem.ROLE_REQUIRED: Level.SECURITY,
    Problem.ROTATION_OPEN: Level.WARNING,
    Problem.ALREADY_ROTATED: Level.WARNING,
    Problem.ROTATION_MISMATCH: Level.WARNING,
    Problem.TOO_MANY_CANDIDATES: Level.WARNING,
}
_PER_SUBJECT = (5, 1 / 60)
_STRANGERS = (60, 1 / 10)
"""Burst and refill per second of all strangers together: at most 8,700 events a day."""


_PATIENCE = 1.0
"""Seconds that an ending server waits for the last events."""


class RefusalLog:
    """Notes refusals from the event loop and writes them from a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subjects = TokenBuckets(*_PER_SUBJECT)
        self._strangers = TokenBuckets(*_STRANGERS)
        self._queue: Queue[Event | None] = Queue(maxsize=256)
        self._suppressed = 0
        self._thread = Thread(target=self._write_all, name="refusal-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end; a database that is stuck holds nobody up."""
        with suppress(Full):
            self._queue.put_nowait(None)
        self._thread.join(_PATIENCE)

    def note(self, refused: Refused, source: str | None, key_id: int | None) -> None:
        """Queue an event of a refusal, unless there were too many. Never blocks."""
        level = refused.level or _TOLD.get(refused.problem)
        if level is None:
            return
        if not self._within_budget(source, key_id):
            self._suppressed += 1
            return
        try:
            self._queue.put_nowait(self._event(level, refused, source, key_id))
        except Full:
            self._suppressed += 1
        else:
            self._suppressed = 0

    def _within_budget(self, source: str | None, key_id: int | None) -> bool:
        if key_id is not None:
            return self._subjects.take(key_id) == 0
        return self._subjects.take(source) == 0 and self._strangers.take("all") == 0

    def _event(
        self, level: Level, refused: Refused, source: str | None, key_id: int | None
    ) -> Event:
        who = "A stranger" if key_id is None else f"Key {key_id}"
        return Event(
            level,
            EventType.REQUEST_REFUSED,
            f"{who} was refused: {refused.problem.value}.",
            key_id=key_id,
            source=source,
            data={"problem": refused.problem.value, "suppressedBefore": self._suppressed},
        )

    def _write_all(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                with self._database.write() as connection:
                    events.write(connection, self._database.clock.now(connection), event)
            except (DatabaseUnavailableError, SQLAlchemyError):
                _log.warning("an event of a refusal was lost", exc_info=True)
