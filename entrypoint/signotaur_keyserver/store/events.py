"""Statements on the event log: append events, read the latest, delete the oldest."""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection, delete, insert, select

from signotaur_keyserver.domain.events import Event
from signotaur_keyserver.domain.schema import events

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


def delete_oldest(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` events from before a moment; return how many there were.

    In the order in which they were written, so that it looks at no more than it deletes: the
    first event that is young enough ends it.
    """
    oldest = (
        select(events.c.id, events.c.at_utc).order_by(events.c.id).limit(limit).with_for_update()
    )
    old = list(takewhile(lambda row: row.at_utc < before, connection.execute(oldest)))
    if old:
        connection.execute(delete(events).where(events.c.id <= old[-1].id))
    return len(old)


def _stored(values: dict[str, object]) -> StoredEvent:
    event_id, at_utc = values.pop("id"), values.pop("at_utc")
    del values["mac"]
    return StoredEvent(event_id, at_utc, Event(**values))  # type: ignore[arg-type]
