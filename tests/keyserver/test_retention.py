"""Events above their age are deleted, oldest first, a few at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select

from keyserver.harness import ServerHarness, wait_until
from keyserver.statements import executed
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.event_chain import Link
from signotaur_keyserver.domain.schema import events
from signotaur_keyserver.service.retention import BATCH, prune_events
from signotaur_keyserver.service.sweeper import Sweeper
from signotaur_keyserver.store import event_chain

pytestmark = pytest.mark.both_databases

YEAR = timedelta(days=365)


@contextmanager
def _in_a_year(world: ServerHarness) -> Iterator[Database]:
    database = Database(world.url, offset=YEAR)
    yield database
    database.close()


def _add_old_events(world: ServerHarness, amount: int) -> None:
    old = {"at_utc": datetime(2020, 1, 1, tzinfo=UTC), "level": "Information", "type": "old"}
    with world.database.write() as connection:
        first = connection.execute(select(func.max(events.c.id))).scalar_one() + 1
        last = first + amount - 1
        rows = [{"id": n, "message": "old", "data": {}} | old for n in range(first, last + 1)]
        connection.execute(insert(events), rows)
        event_chain.put_head(connection, Link(last, ""), None)


def test_old_events_are_deleted_and_young_ones_stay(world: ServerHarness) -> None:
    """Before: no event was ever deleted."""
    world.key()
    with _in_a_year(world) as later:
        assert prune_events(later, YEAR + timedelta(hours=1)) == 0
        assert prune_events(later, YEAR - timedelta(hours=1)) == 2
        assert prune_events(later, YEAR - timedelta(hours=1)) == 0
    (pruned,) = world.events()
    assert pruned["type"] == "events-pruned"
    assert pruned["message"].startswith("2 events older than ")


def test_one_transaction_deletes_no_more_than_a_batch(world: ServerHarness) -> None:
    """So that a server with years of events does not stop for its writers."""
    _add_old_events(world, BATCH + 7)
    with _in_a_year(world) as later:
        pruned = [prune_events(later, YEAR - timedelta(hours=1)) for _ in range(3)]
    assert pruned == [BATCH, 8, 0]  # the first event is of the user


def test_the_sweeper_deletes_all_that_is_old(world: ServerHarness) -> None:
    with _in_a_year(world) as later:
        _add_old_events(world, 2 * BATCH)
        sweeper = Sweeper(later, timedelta(hours=1), YEAR - timedelta(hours=1))
        sweeper.start()
        wait_until(lambda: {event["type"] for event in world.events()} == {"events-pruned"}, 60)
        sweeper.stop()
    assert len(world.events()) == 3


def test_without_a_retention_events_are_kept(world: ServerHarness) -> None:
    _add_old_events(world, 3)
    sweeper = Sweeper(world.database, timedelta(hours=1))
    with executed(world, "events") as statements:
        sweeper.start()
        sweeper.stop()
    assert statements == []
    assert len(world.events()) == 4
