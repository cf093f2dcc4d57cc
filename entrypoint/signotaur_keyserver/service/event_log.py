"""Events as people look for them: newest first, a page or all of them."""

from collections.abc import Iterator
from dataclasses import replace

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.store import events
from signotaur_keyserver.store.events import EventFilter, StoredEvent

_BATCH = 500


def search(database: Database, event_filter: EventFilter, limit: int) -> list[StoredEvent]:
    """Return the newest events that a filter selects."""
    with database.read() as connection:
        return events.search(connection, event_filter, limit)


def walk(database: Database, event_filter: EventFilter) -> Iterator[StoredEvent]:
    """Yield all events that a filter selects, newest first, with no connection held in between."""
    while batch := search(database, event_filter, _BATCH):
        yield from batch
        event_filter = replace(event_filter, before=batch[-1].id)
