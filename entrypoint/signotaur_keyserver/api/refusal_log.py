"""Refusals as events, in bounded number and off the path of the answer.

No client, with or without a key, can fill the disk with them, or make readers wait for a
write. Refusals of one key for one reason are summed up: the first few are written at once,
later ones once a minute, as the latest of them and the number of those before it.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from queue import Full, Queue
from threading import Thread
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from signotaur_keyserver.api.buckets import TokenBuckets
from signotaur_keyserver.database.database import Database, DatabaseUnavailableError
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.pki.master_key import MasterKeyError
from signotaur_keyserver.store import events
from signotaur_wire.problems import Problem

_log = logging.getLogger(__name__)

_EVENT_LEVELS = {
    Problem.UNKNOWN_KEY: Level.SECURITY,
    Problem.KEY_EXPIRED: Level.WARNING,
    Problem.KEY_REVOKED: Level.SECURITY,
    Problem.KEY_DISABLED: Level.SECURITY,
    Problem.ROLE_REQUIRED: Level.SECURITY,
    Problem.NETWORK_DENIED: Level.SECURITY,
    Problem.PURPOSE_DENIED: Level.SECURITY,
    Problem.SIGNING_BUDGET_SPENT: Level.WARNING,
    Problem.ROTATION_OPEN: Level.WARNING,
    Problem.ALREADY_ROTATED: Level.WARNING,
    Problem.ROTATION_MISMATCH: Level.WARNING,
    Problem.TOO_MANY_CANDIDATES: Level.WARNING,
    Problem.INVALID_GRANT: Level.SECURITY,
}
_PER_SUBJECT = (5, 1 / 60)
"""Burst and refill per second of one address, and of one key and reason."""
_UNAUTHENTICATED = (60, 1 / 10)
"""Burst and refill per second of all clients without a valid key: at most 8,700 events a day."""
_SHUTDOWN_TIMEOUT = 1.0
SUMMARY_SECONDS = 60.0
"""Interval at which to call ``summarize``."""

_Subject = tuple[int | None, str]


class RefusalLog:
    """Notes refusals from the event loop and writes them from a thread of its own."""

    def __init__(self, database: Database, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._subjects = TokenBuckets(*_PER_SUBJECT, clock=clock)
        self._unauthenticated = TokenBuckets(*_UNAUTHENTICATED, clock=clock)
        self._queue: Queue[Event | None] = Queue(maxsize=256)
        self._suppressed: dict[_Subject, tuple[Event, int]] = {}
        self._thread = Thread(target=self._write_all, name="refusal-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, timeout: float = _SHUTDOWN_TIMEOUT) -> None:
        """Write what is queued or summed up, then end; a stuck database holds nobody up.

        ``timeout``: seconds to wait for the last event.
        """
        for subject in list(self._suppressed):
            self._write_suppressed(subject)
        with suppress(Full):
            self._queue.put_nowait(None)
        self._thread.join(timeout)

    def note(self, refused: RefusedError, source: str | None, key_id: int | None) -> None:
        """Note a refused request. Never blocks."""
        level = refused.level or _EVENT_LEVELS.get(refused.problem)
        if level is not None:
            self.add(_event(level, refused, source, key_id))

    def add(self, event: Event) -> None:
        """Write the event of a refusal soon, or count it. Never blocks."""
        subject = _subject(event)
        _last, count = self._suppressed.pop(subject, (event, 0))
        if not (self._within_budget(event) and self._queued(event, count)):
            self._suppressed[subject] = (event, count + 1)

    def summarize(self) -> None:
        """Write the latest event of each key and reason that was only counted. Never blocks."""
        for subject, (event, _count) in list(self._suppressed.items()):
            if self._within_budget(event):
                self._write_suppressed(subject)

    def _write_suppressed(self, subject: _Subject) -> None:
        event, count = self._suppressed.pop(subject)
        if not self._queued(event, count - 1):
            self._suppressed[subject] = (event, count)

    def _within_budget(self, event: Event) -> bool:
        if event.key_id is not None:
            return self._subjects.take(_subject(event)) == 0
        return self._subjects.take(event.source) == 0 and self._unauthenticated.take("all") == 0

    def _queued(self, event: Event, suppressed_before: int) -> bool:
        data = {**event.data, "suppressedBefore": suppressed_before}
        try:
            self._queue.put_nowait(replace(event, data=data))
        except Full:
            return False
        return True

    def _write_all(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                with self._database.write() as connection:
                    events.write(connection, self._database.clock.now(connection), event)
            except (DatabaseUnavailableError, SQLAlchemyError, MasterKeyError):
                _log.warning(
                    "the event of a refusal could not be written and is lost", exc_info=True
                )


def _subject(event: Event) -> _Subject:
    """Return what is summed up: a key and a reason, or all clients without a valid key."""
    if event.key_id is None:
        return (None, "")
    return (event.key_id, str(event.data.get("problem", event.type)))


def _event(level: Level, refused: RefusedError, source: str | None, key_id: int | None) -> Event:
    who = "An unauthenticated client" if key_id is None else f"Key {key_id}"
    return Event(
        level,
        EventType.REQUEST_REFUSED,
        f"{who} was refused: {refused.problem.value}.",
        key_id=key_id,
        source=source,
        data={"problem": refused.problem.value, **refused.data},
    )
