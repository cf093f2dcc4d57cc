"""Statements on the event log: append events, read the latest, delete the oldest."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from signotaur_keyserver.domain.events import Event
from signotaur_keyserver.domain.schema import events, keys

_WRITE = insert(events)


@dataclass(frozen=True)
class StoredEvent:
    """An event as it was written."""

    id: int
    at_utc: datetime
    event: Event


@dataclass(frozen=True)
class Selection:
    """Which events are looked for; None does not restrict."""

    level: str | None = None
    text: str | None = None
    """Part of the message or of the type, in any case."""
    user_id: int | None = None
    key_id: int | None = None
    before: int | None = None
    """Only events with a smaller id."""
    owner_id: int | None = None
    """Only events of this user and of the user's keys."""


def write(connection: Connection, now: datetime, *written: Event) -> None:
    """Append events to the log, in the transaction of the change that they tell of."""
    for event in written:
        connection.execute(_WRITE, {"at_utc": now, **vars(event)})


def latest(connection: Connection, limit: int) -> list[StoredEvent]:
    """Return the latest events, oldest first."""
    rows = connection.execute(select(events).order_by(events.c.id.desc()).limit(limit)).mappings()
    return [_stored(dict(row)) for row in reversed(rows.all())]


def search(connection: Connection, selection: Selection, limit: int) -> list[StoredEvent]:
    """Return the newest events of a selection, newest first."""
    found = select(events).where(*_conditions(selection)).order_by(events.c.id.desc()).limit(limit)
    return [_stored(dict(row)) for row in connection.execute(found).mappings()]


def _conditions(selection: Selection) -> Iterator[ColumnElement[bool]]:
    if selection.level is not None:
        yield events.c.level == selection.level
    if selection.text is not None:
        yield or_(
            events.c.message.icontains(selection.text, autoescape=True),
            events.c.type.icontains(selection.text, autoescape=True),
        )
    if selection.user_id is not None:
        yield events.c.user_id == selection.user_id
    if selection.key_id is not None:
        yield events.c.key_id == selection.key_id
    if selection.before is not None:
        yield events.c.id < selection.before
    if selection.owner_id is not None:
        owned = select(keys.c.id).where(keys.c.owner_id == selection.owner_id)
        yield or_(events.c.user_id == selection.owner_id, events.c.key_id.in_(owned))


def delete_oldest(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` events from before a moment; return how many there were.

    In the order in which they were written, so that it looks at no more than it deletes: the
    first event that is young enough ends it.
    """
    oldest = select(events.c.id, events.c.at_utc).order_by(events.c.id).limit(limit)
    old = list(takewhile(lambda row: row.at_utc < before, connection.execute(oldest)))
    if old:
        connection.execute(delete(events).where(events.c.id <= old[-1].id))
    return len(old)


def _stored(values: dict[str, object]) -> StoredEvent:
    event_id, at_utc = values.pop("id"), values.pop("at_utc")
    del values["mac"]
    return StoredEvent(event_id, at_utc, Event(**values))  # type: ignore[arg-type]
