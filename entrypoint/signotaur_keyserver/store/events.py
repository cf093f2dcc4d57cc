"""Statements on the event log: append events, read them, delete the oldest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from signotaur_keyserver.database.database import chain_key_of
from signotaur_keyserver.domain.event_chain import ChainedEvent, Link, event_mac
from signotaur_keyserver.domain.events import Event, EventType
from signotaur_keyserver.domain.schema import events, keys
from signotaur_keyserver.store import event_chain, webhooks

_WRITE = insert(events)
_BATCH = 1000


@dataclass(frozen=True)
class StoredEvent:
    """An event as it was written."""

    id: int
    at_utc: datetime
    event: Event


@dataclass(frozen=True)
class EventFilter:
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
    """Append events to the log, in the transaction of the change that they tell of.

    From here until the transaction ends no other one can append: do what locks rows first.
    Raises MasterKeyError.
    """
    key = chain_key_of(connection)
    last = event_chain.lock_head(connection).link
    rows = []
    for event in written:
        event_id = last.id + 1
        mac = None if key is None else event_mac(key, last.mac, event_id, now, event)
        rows.append({"id": event_id, "at_utc": now, "mac": mac, **vars(event)})
        last = Link(event_id, mac or "")
    connection.execute(_WRITE, rows)
    webhooks.queue(
        connection, now, {row["id"]: event for row, event in zip(rows, written, strict=True)}
    )
    event_chain.put_head(connection, last, key)


def latest(connection: Connection, limit: int) -> list[StoredEvent]:
    """Return the latest events, oldest first."""
    rows = connection.execute(select(events).order_by(events.c.id.desc()).limit(limit)).mappings()
    return [_stored(dict(row)) for row in reversed(rows.all())]


def moment_of_latest(
    connection: Connection, key_ids: Sequence[int], event_type: EventType, place: int
) -> datetime | None:
    """Return when the event of keys and a type that is the ``place``-th latest was; None: fewer."""
    statement = (
        select(events.c.at_utc)
        .where(events.c.key_id.in_(key_ids), events.c.type == event_type)
        .order_by(events.c.id.desc())
        .offset(place - 1)
        .limit(1)
    )
    return connection.execute(statement).scalar_one_or_none()


def chained(connection: Connection) -> Iterator[ChainedEvent]:
    """Return every event with its mac, oldest first, read a few at a time."""
    last = None
    while True:
        statement = select(events).order_by(events.c.id).limit(_BATCH)
        if last is not None:
            statement = statement.where(events.c.id > last)
        rows = connection.execute(statement).mappings().all()
        for row in rows:
            values = dict(row)
            mac = values["mac"]
            stored = _stored(values)
            yield ChainedEvent(stored.id, stored.at_utc, stored.event, mac)
            last = stored.id
        if len(rows) < _BATCH:
            return


def search(connection: Connection, event_filter: EventFilter, limit: int) -> list[StoredEvent]:
    """Return the newest events that a filter selects, newest first."""
    found = (
        select(events).where(*_conditions(event_filter)).order_by(events.c.id.desc()).limit(limit)
    )
    return [_stored(dict(row)) for row in connection.execute(found).mappings()]


def _conditions(event_filter: EventFilter) -> Iterator[ColumnElement[bool]]:
    if event_filter.level is not None:
        yield events.c.level == event_filter.level
    if event_filter.text is not None:
        yield or_(
            events.c.message.icontains(event_filter.text, autoescape=True),
            events.c.type.icontains(event_filter.text, autoescape=True),
        )
    if event_filter.user_id is not None:
        yield events.c.user_id == event_filter.user_id
    if event_filter.key_id is not None:
        yield events.c.key_id == event_filter.key_id
    if event_filter.before is not None:
        yield events.c.id < event_filter.before
    if event_filter.owner_id is not None:
        owned = select(keys.c.id).where(keys.c.owner_id == event_filter.owner_id)
        yield or_(events.c.user_id == event_filter.owner_id, events.c.key_id.in_(owned))


def delete_oldest(connection: Connection, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` events from before a moment; return how many there were.

    In the order in which they were written, so that it looks at no more than it deletes: the
    first event that is young enough ends it.
    """
    event_chain.lock_head(connection)
    key, anchor = chain_key_of(connection), event_chain.anchor(connection).link
    oldest = select(events.c.id, events.c.at_utc, events.c.mac).order_by(events.c.id).limit(limit)
    old = list(takewhile(lambda row: row.at_utc < before, connection.execute(oldest)))
    if old:
        last = Link(old[-1].id, old[-1].mac or "")
        if last.id > anchor.id:
            event_chain.put_anchor(connection, last, key)
        connection.execute(delete(events).where(events.c.id <= last.id))
    return len(old)


def _stored(values: dict[str, object]) -> StoredEvent:
    event_id, at_utc = values.pop("id"), values.pop("at_utc")
    del values["mac"]
    return StoredEvent(event_id, at_utc, Event(**values))  # type: ignore[arg-type]
