"""The event log shows what a writer of the database without the master key did to it."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command as alembic
from sqlalchemy import Connection, select

from keyserver.harness import NewKey, ServerHarness, wait_until
from keyserver.processes import Process, command
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.database.migrate import _config, migrate
from signotaur_keyserver.domain.event_chain import parse_checkpoint
from signotaur_keyserver.domain.schema import events
from signotaur_keyserver.pki.master_key import MasterKeyError, Sealer
from signotaur_keyserver.service import administration
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.event_verification import make_checkpoint, verify_events
from signotaur_keyserver.service.retention import prune_events
from signotaur_keyserver.store import settings
from signotaur_keyserver.store.event_chain import ChainKey

DAY = timedelta(days=1)


@pytest.fixture
def busy(world: ServerHarness) -> ServerHarness:
    """A world with nine events of every kind of writer."""
    key = world.key()
    world.now.rotate(key)
    world.now.self(NewKey().text)
    for name in ("one", "two", "three"):
        world.user(name)
    # The event of a refusal is written by a thread of its own.
    wait_until(lambda: verify_events(world.database).head.id == 9)
    return world


Damage = str | Callable[[Connection], object]


def _damage(world: ServerHarness, *damages: Damage) -> str:
    """Change the database behind the server's back; return what the verification says."""
    with world.database.write() as connection:
        for damage in damages:
            if isinstance(damage, str):
                connection.exec_driver_sql(damage)
            else:
                damage(connection)
    with pytest.raises(AdministrationError) as caught:
        verify_events(world.database)
    return str(caught.value)


@pytest.mark.both_databases
def test_what_the_server_wrote_is_intact(busy: ServerHarness) -> None:
    found = verify_events(busy.database)
    assert found.events == found.head.id == len(busy.events())
    assert found.without_mac == 0


def _moved(place: str, event_id: int) -> Damage:
    """Pretend that the log ends or begins at another event."""

    def move(connection: Connection) -> None:
        found = select(events.c.mac).where(events.c.id == event_id)
        mac = connection.execute(found).scalar_one_or_none()
        stored = settings.find(connection, place)
        settings.put(connection, place, stored | {"id": event_id, "mac": mac})

    return move


def _copied(event_id: int, new_id: int) -> str:
    columns = "at_utc, level, type, message, data, mac"
    return (
        f"INSERT INTO events(id, {columns}) "  # noqa: S608
        f"SELECT {new_id}, {columns} FROM events WHERE id = {event_id}"
    )


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("damages", "said"),
    [
        (["UPDATE events SET message = 'nothing' WHERE id = 4"], "event 4 was changed"),
        (["UPDATE events SET level = 'Information' WHERE id = 1"], "event 1 was changed"),
        (["UPDATE events SET data = '{\"a\": 1}' WHERE id = 3"], "event 3 was changed"),
        (["UPDATE events SET at_utc = '2020-01-01 00:00:00' WHERE id = 5"], "event 5 was changed"),
        (["UPDATE events SET source = '192.0.2.1' WHERE id = 5"], "event 5 was changed"),
        (["UPDATE events SET mac = NULL WHERE id <= 3"], "event 1 was changed"),
        (["DELETE FROM events WHERE id = 4"], "event 4 is missing"),
        (["DELETE FROM events WHERE id <= 2"], "event 1 is missing"),
        (["DELETE FROM events WHERE id > 5"], "event 6 is missing"),
        (["DELETE FROM events"], "event 1 is missing"),
        (
            [
                "UPDATE events SET id = 1000 WHERE id = 3",
                "UPDATE events SET id = 3 WHERE id = 4",
                "UPDATE events SET id = 4 WHERE id = 1000",
            ],
            "event 3 was changed, or is not in its place",
        ),
        ([_copied(2, 1000)], "event 1000 was inserted"),
        ([_copied(2, -1)], "event -1 was changed, or is not in its place"),
        (
            ["DELETE FROM events WHERE id <= 2", _moved("event-chain-anchor", 2)],
            "the record of the log's anchor was changed",
        ),
        (
            ["DELETE FROM events WHERE id > 5", _moved("event-chain", 5)],
            "the record of the log's head was changed",
        ),
        (["DELETE FROM settings WHERE name = 'event-chain'"], "log's head was changed"),
        (["DELETE FROM settings WHERE name = 'event-chain-anchor'"], "log's anchor was changed"),
    ],
)
def test_a_change_is_found_at_the_first_bad_event(
    busy: ServerHarness, damages: list[Damage], said: str
) -> None:
    assert said in _damage(busy, *damages)


@pytest.mark.both_databases
def test_a_new_chain_key_does_not_hide_what_was_there(busy: ServerHarness) -> None:
    with busy.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM settings WHERE name = 'event-chain-key'")
    database = Database(busy.url, chain_key=ChainKey(busy.sealer))
    administration.add_user(database, "four", admin=False, roles=())
    database.close()
    with pytest.raises(AdministrationError):
        verify_events(busy.database)


def test_a_checkpoint_finds_a_log_that_was_put_back(busy: ServerHarness, tmp_path: Path) -> None:
    """The one thing that a chain alone cannot show: an older copy of the whole database."""
    shutil.copyfile(busy.file, tmp_path / "older.db")
    for end in ("-wal", "-shm"):
        shutil.copyfile(f"{busy.file}{end}", tmp_path / f"older.db{end}")
    busy.user("four")
    checkpoint = parse_checkpoint(make_checkpoint(busy.database))
    busy.user("five")
    assert verify_events(busy.database, checkpoint).head.id == checkpoint.id + 1
    older = Database(sqlite_url(tmp_path / "older.db"), chain_key=ChainKey(busy.sealer))
    try:
        verify_events(older)
        with pytest.raises(AdministrationError, match=f"event {checkpoint.id} is missing"):
            verify_events(older, checkpoint)
        administration.add_user(older, "other", admin=False, roles=())
        with pytest.raises(AdministrationError, match="is not the one of the checkpoint"):
            verify_events(older, checkpoint)
    finally:
        older.close()


@pytest.mark.both_databases
def test_retention_keeps_the_rest_verifiable(busy: ServerHarness) -> None:
    early = parse_checkpoint(make_checkpoint(busy.database))
    later = busy.opened(2 * DAY)
    try:
        administration.add_user(later, "young", admin=False, roles=())
        assert prune_events(later, DAY) == early.id
        found = verify_events(later, early)  # it ends where the log begins now
        assert found.events == 2
        assert prune_events(later, -DAY) == 2
        assert verify_events(later).events == 1
        with pytest.raises(AdministrationError, match="was deleted after its retention"):
            verify_events(later, early)
        with later.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO events(id, at_utc, level, type, message, data) "
                "VALUES (1, '2020-01-01 00:00:00', 'Information', 'old', 'old', '{}')"
            )
        with pytest.raises(AdministrationError, match="event 1 was inserted"):
            verify_events(later)
    finally:
        later.close()


def test_events_from_before_the_upgrade_are_counted_apart(tmp_path: Path) -> None:
    file = tmp_path / "keyserver.db"
    database = Database(sqlite_url(file), chain_key=ChainKey(Sealer.in_folder(tmp_path)))
    try:
        config = _config()
        with database.write() as connection:
            config.attributes["connection"] = connection
            alembic.upgrade(config, "0003")
            for _ in range(3):
                connection.exec_driver_sql(
                    "INSERT INTO events(at_utc, level, type, message, data) "
                    "VALUES ('2020-01-01 00:00:00', 'Information', 'old', 'old', '{}')"
                )
        migrate(database)
        administration.add_user(database, "ci", admin=False, roles=())
        found = verify_events(database)
        assert (found.events, found.without_mac, found.head.id) == (4, 3, 4)
        assert prune_events(database, 10 * DAY) == 3
        assert verify_events(database).events == 2
    finally:
        database.close()


@pytest.mark.both_databases
def test_another_master_key_is_refused(busy: ServerHarness) -> None:
    busy.sealer.file.unlink()
    busy.sealer.create()
    database = Database(busy.url, chain_key=ChainKey(busy.sealer))
    try:
        with pytest.raises(MasterKeyError):
            verify_events(database)
        with pytest.raises(MasterKeyError):
            administration.add_user(database, "four", admin=False, roles=())
    finally:
        database.close()
    assert len(busy.events("user-added")) == 4


def _commands(data_dir: Path) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        done = command(*arguments, f"--data-dir={data_dir}")
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_commands(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    run = _commands(data_dir)
    run("user", "add", "ci")
    run("key", "add", "--user=ci", "--name=build")
    code, checkpoint, _ = run("events", "checkpoint")
    assert code == 0
    with Process(data_dir, "--insecure-http"):
        code, out, err = run("events", "verify", f"--checkpoint={checkpoint.strip()}")
    assert (code, out, err) == (0, "2 events are intact, up to event 2\n", "")
    database = Database(sqlite_url(data_dir / "keyserver.db"))
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE events SET message = 'x' WHERE id = 2")
    database.close()
    code, out, err = run("events", "verify")
    assert (code, out) == (1, "")
    assert "event 2 was changed" in err
    assert run("events", "verify", "--checkpoint=nonsense")[0] == 10
    assert command("events").returncode == 10


def test_a_server_does_not_start_without_its_master_key(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    run = _commands(data_dir)
    run("user", "add", "ci")
    (data_dir / "master.key").unlink()
    code, out, err = run("serve", "--insecure-http", "--port=0")
    assert (code, out) == (1, "")
    assert "master.key is missing" in err
    assert not (data_dir / "master.key").exists()
