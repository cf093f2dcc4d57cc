"""Delete events whose retention is over."""

from datetime import timedelta

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.store import events
from signotaur_wire.members import format_time

BATCH = 1000
"""Most events that one transaction deletes, so that other writers wait a short time only."""


def prune_events(database: Database, retention: timedelta) -> int:
    """Delete the oldest events above an age, ``BATCH`` at most; return how many there were.

    The event that records it is written in the same transaction.
    """
    with database.write() as connection:
        now = database.clock.now(connection)
        deleted = events.delete_oldest(connection, now - retention, BATCH)
        if deleted:
            message = f"{deleted} events older than {format_time(now - retention)} were deleted."
            event = Event(Level.INFORMATION, EventType.EVENTS_PRUNED, message)
            events.write(connection, now, event)
    return deleted
