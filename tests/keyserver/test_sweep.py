"""Stalled rotations and due revocations: true at once, made permanent by a sweep, told once."""

from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import insert

from keyserver.harness import ServerHarness, problem, wait_until
from keyserver.statements import committed
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.schema import keys
from signotaur_keyserver.service.sweep import BATCH, Swept, sweep
from signotaur_keyserver.service.sweeper import Sweeper

pytestmark = pytest.mark.both_databases


def test_a_rotation_nobody_confirms_is_held_and_revokes_nothing(world: ServerHarness) -> None:
    later = world.at("8d")
    old = world.key()
    opened = world.now.open(old)
    assert world.now.get(old, opened.id).json()["state"] == "open"
    assert later.get(old, opened.id).json()["state"] == "held"
    assert later.self(old).json()["rotation"]["state"] == "held"
    assert world.sweep("8d").held_rotation_ids == (opened.id,)
    assert world.sweep("8d").held_rotation_ids == ()
    assert later.self(old).status_code == 200
    assert later.self(opened.new.text).status_code == 200
    events = world.events("rotation-held")
    assert [(event["level"], event["rotation_id"]) for event in events] == [("Warning", opened.id)]


def test_a_live_lease_keeps_a_rotation_open(world: ServerHarness) -> None:
    opened = world.now.open(world.key(), overlap_days=0)
    assert world.now.get(opened.new.text, opened.id).json()["state"] == "open"
    assert world.sweep("9m").held_rotation_ids == ()
    assert world.sweep("11m").held_rotation_ids == (opened.id,)


def test_a_held_rotation_is_confirmed_with_a_new_overlap(world: ServerHarness) -> None:
    later, at_end = world.at("20d"), world.at("28d")
    old = world.key()
    opened = world.now.open(old)
    world.sweep("20d")
    confirmed = later.confirm(opened.new.text, opened.id).json()
    assert confirmed["state"] == "confirmed"
    armed = datetime.fromisoformat(confirmed["autoRevokeOldKeyUtc"])
    due = datetime.fromisoformat(confirmed["confirmedAt"]) + timedelta(days=7)
    assert armed == due
    assert confirmed["overlapEnd"] == confirmed["autoRevokeOldKeyUtc"]
    assert later.self(old).status_code == 200
    assert problem(at_end.self(old)) == (401, "key-revoked")


def test_a_held_rotation_is_continued_by_a_repeat(world: ServerHarness) -> None:
    later = world.at("20d")
    old = world.key()
    opened = world.now.open(old, holder="cut")
    world.sweep("20d")
    answer = later.put(old, opened.id, opened.new, holder="next")
    assert (answer.status_code, answer.json()["holder"]) == (200, "next")
    assert problem(later.put(old, opened.id, opened.new, holder="third"))[0] == 409


def test_a_due_revocation_is_written_down_at_its_due_moment(world: ServerHarness) -> None:
    world.now.rotate(world.key())
    assert world.sweep("6d").revoked_key_ids == ()
    assert world.sweep("30d").revoked_key_ids == (1,)
    key = world.overview(1).key
    assert key.revoked_at_utc == key.revoke_due_utc
    assert key.revoke_reason == "rotated"
    assert [event["key_id"] for event in world.events("key-revoked")] == [1]


def test_many_sweepers_write_each_event_once(world: ServerHarness) -> None:
    for _ in range(100):
        world.now.rotate(world.key())
        world.now.open(world.key())
    swept: list[Swept] = []
    barrier = Barrier(4)

    def sweep_late() -> None:
        database = Database(world.url, offset=timedelta(days=8))
        barrier.wait()
        swept.extend(sweep(database) for _ in range(3))
        database.close()

    threads = [Thread(target=sweep_late) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(swept) == 12
    revoked = [event["key_id"] for event in world.events("key-revoked")]
    held = [event["rotation_id"] for event in world.events("rotation-held")]
    assert len(revoked) == len(set(revoked)) == 100
    assert len(held) == len(set(held)) == 100
    assert sorted(revoked) == sorted(i for one in swept for i in one.revoked_key_ids)


def _add_keys(world: ServerHarness, amount: int, column: str, at: timedelta) -> None:
    """Add keys with a moment of each, a millisecond after that of the one before."""
    with world.database.write() as connection:
        now = world.database.clock.now(connection)
        rows = [
            {
                "public_id": f"{column[:3]}{number:012}",
                "sha256": f"{column[:6]}{number:058}",
                "owner_id": 1,
                "name": "many",
                "enabled": True,
                "created_at_utc": now,
                "revoke_reason": "rotated",
                column: now + at + timedelta(milliseconds=number),
            }
            for number in range(amount)
        ]
        connection.execute(insert(keys), rows)


def test_many_due_keys_are_revoked_in_batches(world: ServerHarness) -> None:
    _add_keys(world, 2 * BATCH + 1, "revoke_due_utc", timedelta(hours=1))
    pauses: list[bool] = []

    def pause() -> bool:
        pauses.append(len(pauses) == 2)
        return pauses[-1]

    later = world.opened(timedelta(hours=2))
    assert len(sweep(later, lambda: True).revoked_key_ids) == BATCH
    with committed(world) as commits:
        assert len(sweep(later, pause).revoked_key_ids) == BATCH + 1
    assert len(commits) == 3
    assert pauses == [False]
    assert len(world.events("key-revoked")) == 2 * BATCH + 1


def test_many_keys_that_expire_are_each_told_of_once_in_batches(world: ServerHarness) -> None:
    world.sweep()
    _add_keys(world, 2 * BATCH + 1, "expires_at_utc", timedelta(days=15))
    with committed(world) as commits:
        world.sweep("2d")
    assert len(commits) == 4
    assert len(world.events("key-expires-soon")) == 2 * BATCH + 1
    world.sweep("16d")
    world.sweep("17d")
    assert len(world.events("key-expires-soon")) == 2 * BATCH + 1
    expired = [event["key_id"] for event in world.events("key-expired")]
    assert len(expired) == len(set(expired)) == 2 * BATCH + 1


def test_a_server_sweeps_when_it_starts_and_at_its_interval(world: ServerHarness) -> None:
    world.now.rotate(world.key())
    database = Database(world.url, offset=timedelta(days=8))
    sweeper = Sweeper(database, timedelta(milliseconds=10))
    sweeper.start()
    assert sweeper.totals.revoked == 1
    world.now.rotate(world.key(), overlap_days=0)
    world.now.rotate(world.key())
    wait_until(lambda: sweeper.totals.revoked == 2)
    sweeper.stop()
    assert sweeper.totals.sweeps >= 2
    database.close()
