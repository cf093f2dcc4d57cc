"""Statements on the event log, which only grows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from signotaur_keyserver.events import Event
from signotaur_keyserver.schema import events

_WRITE = insert(events)


@dataclass(frozen=True)
class StoredEvent:
    """An event as it was written."""

    id: int
    at_utc: datetime
    event: Event


def write(connection: Connection, now: datetime, *written: Event) -> None:
    """Append events to the log, in the transaction of the change that they tell of."""
    for event in written:
        connection.execute(_WRITE, {"at_utc": now, **vars(event)})


def latest(connection: Connection, limit: int) -> list[StoredEvent]:
    """Return the latest events, oldest first."""
    rows = connection.execute(select(events).order_by(events.c.id.desc()).limit(limit)).mappings()
    return [_stored(dict(row)) for row in reversed(rows.all())]


def _stored(values: dict[str, object]) -> StoredEvent:
    event_id, at_utc = values.pop("id"), values.pop("at_utc")
    return StoredEvent(event_id, at_utc, Event(**values))  # type: ignore[arg-type]
