"""Several instances on one PostgreSQL: one winner, nobody locked out, nothing acknowledged lost."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest
import requests

from keyserver.harness import Client, NewKey, OpenRotation, ServerHarness, problem, wait_until
from keyserver.load import (
    Acknowledged,
    require_acknowledged,
    require_matching_events,
    rotate_until_refused,
)
from keyserver.processes import Process, command
from signotaur_keyserver.database.database import Database, DatabaseUnavailableError
from signotaur_keyserver.database.migrate import migrate
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.service import administration, people
from signotaur_keyserver.service.sweep import sweep
from signotaur_keyserver.store import event_chain, events, users
from signotaur_keyserver.store import people as store_people
from signotaur_wire.roles import ROTATOR
from support.postgresql import Cluster, programs


@pytest.fixture
def dialect() -> str:
    """The database of these tests."""
    return "postgresql"


@pytest.fixture
def durable_cluster() -> Iterator[Cluster]:
    """A cluster that may be killed."""
    if programs() is None:
        pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
    with Cluster(durable=True) as cluster:
        yield cluster


def _at_once(acts: Sequence[Callable[[], object]]) -> list[object]:
    barrier = Barrier(len(acts))

    def one(act: Callable[[], object]) -> object:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [run.result() for run in [pool.submit(one, act) for act in acts]]


def test_a_revocation_holds_at_the_next_request_of_each_instance(world: ServerHarness) -> None:
    first, second = world.now, world.at("1s")
    for number in range(1, 21):
        key = world.key()
        assert second.self(key).status_code == 200
        administration.revoke_key(world.database, number)
        assert problem(second.self(key)) == (401, "key-revoked")
        assert problem(first.self(key)) == (401, "key-revoked")


def test_competing_rotations_of_a_lineage_queue_at_its_first_key(world: ServerHarness) -> None:
    """A superseded candidate and the key that it was to replace decide one after the other."""
    first = world.now.rotate(world.key())
    second = world.now.rotate(first.new.text)
    answers: list[requests.Response] = []
    client = Client(world.now.url, world.secrets)
    with closing(client), ThreadPoolExecutor(1) as pool:
        with world.holding(1):
            waiting = pool.submit(client.put, second.new.text, uuid4(), NewKey())
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        answers.append(waiting.result())
    assert [answer.status_code for answer in answers] == [201]


def test_a_rename_and_an_event_about_the_user_do_not_wait_for_each_other(
    world: ServerHarness,
) -> None:
    root = administration.add_user(world.database, "root", admin=True, roles=[])
    event = Event(Level.INFORMATION, EventType.SIGNED_IN, "It happens.", user_id=1)
    with world.database.read() as connection:
        by = store_people.get(connection, root)
    assert by is not None
    edit = people.Edit("build", admin=False, enabled=True, roles=[ROTATOR])
    with ThreadPoolExecutor(1) as pool:
        with world.database.write() as connection:
            event_chain.lock_head(connection)
            renaming = pool.submit(people.edit_person, world.database, by, 1, edit)
            wait_until(lambda: _waiting(world) == 1)
            events.write(connection, world.database.clock.now(connection), event)
        renaming.result()
    with world.database.read() as connection:
        assert users.find(connection, "build") is not None


def test_a_rename_lets_those_pass_who_have_the_user(world: ServerHarness) -> None:
    """A new key has its owner, and waits for the end of the log, which the rename holds."""
    root = administration.add_user(world.database, "root", admin=True, roles=[])
    with world.database.read() as connection:
        by = store_people.get(connection, root)
    assert by is not None
    edit = people.Edit("build", admin=False, enabled=True, roles=[ROTATOR])
    with ThreadPoolExecutor(2) as pool:
        with world.database.write() as connection:
            event_chain.lock_head(connection)
            adding = pool.submit(administration.add_key, world.database, "ci", "new", None)
            wait_until(lambda: _waiting(world) == 1)
            renaming = pool.submit(people.edit_person, world.database, by, 1, edit)
            wait_until(lambda: _waiting(world) == 2)
        assert adding.result()
        renaming.result()
    with world.database.read() as connection:
        assert users.find(connection, "build") is not None


def _waiting(world: ServerHarness) -> int:
    """How many transactions wait for a lock."""
    waiting = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
    with world.database.ask() as connection:
        return int(connection.exec_driver_sql(waiting).scalar_one())


@pytest.mark.parametrize("seed", range(4))
def test_rotations_confirmations_revocations_and_sweeps_race(
    world: ServerHarness, seed: int
) -> None:
    """After everything that happens at once, somebody holds a key that works, and none deadlocks.

    Two runs each have a candidate of one old key. Both confirm, the old key aborts both, and
    sweeps of three instances run. An error within the database would be answered 503.
    """
    del seed
    old = world.key()
    runs: list[OpenRotation] = []
    for number in range(2):
        opened, new = uuid4(), NewKey(holder="run")
        assert world.now.put(old, opened, new).status_code == 201
        runs.append(OpenRotation(opened, new, {"number": number}))
    urls = [world.now.url, world.at("1s").url]
    sweepers = [Database(world.url, offset=timedelta(days=days)) for days in (0, 0, 8)]

    def call(index: int) -> requests.Response:
        run = runs[index % 2]
        with closing(Client(urls[index // 2 % 2], world.secrets)) as client:
            if index < 4:
                return client.confirm(run.new.text, run.id)
            return client.abort(old, run.id)

    calls = [partial(call, index) for index in range(8)]
    sweeps = [partial(sweep, database) for database in sweepers]
    answers = [a for a in _at_once([*calls, *sweeps]) if isinstance(a, requests.Response)]
    assert not [answer.text for answer in answers if answer.status_code >= 500]
    working = [key for key in (old, *(run.new.text for run in runs)) if _works(world, key)]
    assert working
    confirmed = [run for run in runs if _state(world, run) == "confirmed"]
    assert len(confirmed) <= 1
    if confirmed:
        assert confirmed[0].new.text in working
    for database in sweepers:
        database.close()


def _works(world: ServerHarness, key: str) -> bool:
    return world.now.self(key).status_code == 200


def _state(world: ServerHarness, run: OpenRotation) -> str:
    answer = world.now.get(run.new.text, run.id)
    return str(answer.json()["state"]) if answer.status_code == 200 else "dead"


def test_each_due_key_is_revoked_by_one_of_many_sweeps(world: ServerHarness) -> None:
    for _ in range(10):
        world.now.rotate(world.key(), overlap_days=0)
        world.now.rotate(world.key(), overlap_days=7)
    sweepers = [Database(world.url, offset=timedelta(days=8)) for _ in range(6)]
    _at_once([partial(sweep, database) for database in sweepers])
    for database in sweepers:
        sweep(database)
        database.close()
    revoked = [event["key_id"] for event in world.events("key-revoked")]
    assert len(revoked) == len(set(revoked)) == 20


def test_a_server_outlives_its_database(tmp_path: Path, durable_cluster: Cluster) -> None:
    url = durable_cluster.url(durable_cluster.create())
    database = Database(url)
    migrate(database)
    administration.add_user(database, "ci", admin=False, roles=[ROTATOR])
    keys = [administration.add_key(database, "ci", "build", None) for _ in range(300)]
    acknowledged: Acknowledged = {}
    options = ("--insecure-http", f"--database={url}")
    with (
        Process(tmp_path / "data", *options) as one,
        Process(tmp_path / "data", *options) as two,
        ThreadPoolExecutor(4) as pool,
    ):
        urls = [one.url, two.url]
        runs = [
            pool.submit(rotate_until_refused, urls[i % 2], keys[i:-1:4], acknowledged)
            for i in range(4)
        ]
        wait_until(lambda: len(acknowledged) >= 30)
        durable_cluster.kill()
        for run in runs:
            run.result()
        with closing(Client(one.url, [])) as client:
            assert problem(client.self(keys[-1])) == (503, "unavailable")
            assert problem(client.put(keys[-1], uuid4(), NewKey())) == (503, "unavailable")
            assert problem(client.call("GET", "/readyz")) == (503, "unavailable")
            assert client.call("GET", "/healthz").status_code == 200
            durable_cluster.start()
            wait_until(lambda: client.call("GET", "/readyz").status_code == 200)
            require_acknowledged(client, acknowledged)
            assert client.put(keys[-1], uuid4(), NewKey()).status_code == 201
    require_matching_events(database)
    database.close()


def test_without_its_database_a_server_does_not_start(tmp_path: Path, cluster: Cluster) -> None:
    url = cluster.url("none").replace("keyserver@", "keyserver:hunter-2@")
    for database, code, text in (
        (url, 1, 'database "none" does not exist'),
        ("postgresql://u:hunter-2@127.0.0.1:1/db", 1, "cannot connect to the PostgreSQL"),
        (f"{url}&the-option=1", 1, "cannot connect to the PostgreSQL"),
        ("postgresql://u:hunter@hunter-2@h/db", 10, "%40"),
        ("mysql://u:hunter-2@h/db", 10, "not supported"),
    ):
        verb = ("key", "list") if "mysql" in database else ("serve", "--insecure-http", "--port=0")
        done = command(*verb, f"--data-dir={tmp_path}/data", f"--database={database}")
        assert done.returncode == code, done.stderr
        assert text in done.stderr
        assert "hunter" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert not done.stdout


def test_a_password_may_come_from_a_file(tmp_path: Path, cluster: Cluster) -> None:
    """``passfile`` is libpq's own; the trust of the tests' cluster does not look at it."""
    name = cluster.create()
    file = tmp_path / "pgpass"
    file.write_text("*:*:*:*:the-password\n")
    file.chmod(0o600)
    done = command(
        "migrate", f"--data-dir={tmp_path}/data", f"--database={cluster.url(name)}&passfile={file}"
    )
    assert done.returncode == 0, done.stderr
    cluster.drop(name)


def test_settings_of_each_connection(world: ServerHarness) -> None:
    with world.database.write() as connection:
        settings = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in (
                "transaction_isolation",
                "lock_timeout",
                "statement_timeout",
                "idle_in_transaction_session_timeout",
                "synchronous_commit",
            )
        }
    assert settings == {
        "transaction_isolation": "read committed",
        "lock_timeout": "5s",
        "statement_timeout": "15s",
        "idle_in_transaction_session_timeout": "30s",
        "synchronous_commit": "on",
    }


def test_a_wait_for_a_lock_ends(world: ServerHarness) -> None:
    world.key()
    other = Database(world.url, busy_timeout=timedelta(milliseconds=200))
    with world.holding(1), pytest.raises(DatabaseUnavailableError):
        administration.revoke_key(other, 1)
    other.close()
    assert administration.revoke_key(world.database, 1)


def test_a_dump_is_a_backup(world: ServerHarness, cluster: Cluster) -> None:
    """As the manual tells: pg_dump while the server runs, and pg_restore into a new database."""
    rotation = world.now.rotate(world.key())
    bin_folder = programs()
    assert bin_folder is not None
    plain = world.url.replace("postgresql+psycopg", "postgresql")
    dump = subprocess.run(
        [bin_folder / "pg_dump", "--format=custom", plain], capture_output=True, check=True
    ).stdout
    name = cluster.create()
    target = cluster.url(name).replace("postgresql+psycopg", "postgresql")
    subprocess.run([bin_folder / "pg_restore", "--dbname", target], input=dump, check=True)
    restored = ServerHarness(world.file, cluster.url(name))
    assert restored.now.self(rotation.new.text).json()["state"] == "active"
    restored.close()
    cluster.drop(name)
