"""Events as people look for them: newest first, a page or all of them."""

from collections.abc import Iterator
from dataclasses import replace

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.store import events
from signotaur_keyserver.store.events import Selection, StoredEvent

_BATCH = 500


def search(database: Database, selection: Selection, limit: int) -> list[StoredEvent]:
    """Return the newest events of a selection."""
    with database.read() as connection:
        return events.search(connection, selection, limit)


def walk(database: Database, selection: Selection) -> Iterator[StoredEvent]:
    """Yield all events of a selection, newest first, with no connection held in between."""
    while batch := search(database, selection, _BATCH):
        yield from batch
        selection = replace(selection, before=batch[-1].id)
