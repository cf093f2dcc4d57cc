"""One use of a key that changes no rotation: its transaction, its moment, and what it logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals, rules
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Key
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.store import events, key_locks, keys
from signotaur_wire.members import Json


@dataclass(frozen=True)
class Use:
    """A transaction in which the caller's key is alive."""

    connection: Connection
    now: datetime
    key: Key
    source: str | None

    def log(self, level: Level, event_type: EventType, message: str, data: Json) -> None:
        """Write an event about what the key was used for."""
        event = event_of(self.key, self.source, level, event_type, message, data)
        events.write(self.connection, self.now, event)


def event_of(
    key: Key, source: str | None, level: Level, event_type: EventType, message: str, data: Json
) -> Event:
    """Return an event about what a key was used for."""
    return Event(
        level,
        event_type,
        message,
        user_id=key.owner_id,
        key_id=key.id,
        source=source,
        data=data,
    )


@contextmanager
def use(
    database: Database, caller: Caller, source: str | None, *, alone: bool = False
) -> Iterator[Use]:
    """Begin a use of a key. Raises RefusedError when the key died since it was authenticated.

    ``alone``: no other use of a key of this lineage that is alone happens at the same time.
    """
    with database.write() as connection:
        if alone:  # first: two that share a key must not both wait to have it alone
            key_locks.lock(connection, [caller.key.id])
        key_locks.lock_use(connection, caller.key.id)
        row = keys.find_used(connection, caller.key.public_id)
        if row is None:
            raise refusals.unknown_key()
        key, now = row[0], database.clock.shift(row[1])
        rules.require_alive(key, now)
        yield Use(connection, now, key, source)
