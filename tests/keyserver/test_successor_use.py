"""What counts as a use of a confirmed key, when it is written, and what it costs."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest
import requests

from keyserver.certs import add, post_sign
from keyserver.harness import Client, NewKey, OpenRotation, Running, ServerHarness, problem
from keyserver.processes import Process
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.database.migrate import migrate
from signotaur_keyserver.service import administration
from signotaur_wire.roles import ROTATOR
from signotaur_wire.signing import CERT_GET

pytestmark = pytest.mark.both_databases

Call = Callable[[ServerHarness, OpenRotation], requests.Response]

USES: dict[str, Call] = {
    "GET keys/self": lambda world, made: world.now.self(made.new.text),
    "PUT a rotation of its own": lambda world, made: world.now.put(
        made.new.text, uuid4(), NewKey()
    ),
    "POST cert/get": lambda world, made: world.now.call(
        "POST", CERT_GET, made.new.text, json={"clientVersion": "2", "label": "none"}
    ),
    "POST sign": lambda world, made: post_sign(world.now, made.new.text, add(world).thumbprint),
}
NO_USES: dict[str, Call] = {
    "PUT the confirmation again": lambda world, made: world.now.confirm(made.new.text, made.id),
    "GET the rotation": lambda world, made: world.now.get(made.new.text, made.id),
    "PUT the rotation again": lambda world, made: world.now.put(made.new.text, made.id, made.new),
}


@pytest.mark.parametrize("call", USES)
def test_every_other_call_is_a_use(world: ServerHarness, call: str) -> None:
    old = world.key()
    made = world.now.rotate(old)
    assert USES[call](world, made).status_code in (200, 201)
    assert problem(world.now.put(old, uuid4(), NewKey(again=True))) == (409, "already-rotated")
    [event] = world.events("successor-first-used")
    assert (event["level"], event["key_id"]) == ("Information", made.answer["newKeyId"])


@pytest.mark.parametrize("call", NO_USES)
def test_a_repeated_call_on_its_rotation_is_no_use(world: ServerHarness, call: str) -> None:
    old = world.key()
    made = world.now.rotate(old)
    assert NO_USES[call](world, made).status_code == 200
    assert world.events("successor-first-used") == []
    world.now.open(old, again=True)


def test_a_use_before_the_confirmation_does_not_count(world: ServerHarness) -> None:
    """Every client verifies the new key before it delivers it."""
    old = world.key()
    made = world.now.open(old)
    world.now.self(made.new.text)
    world.now.confirm(made.new.text, made.id)
    world.now.open(old, again=True)


def test_a_key_that_a_person_made_is_not_recorded(world: ServerHarness) -> None:
    world.now.self(world.key())
    assert world.overview(1).key.in_use_since_utc is None


def test_only_the_first_use_writes(world: ServerHarness) -> None:
    """Afterwards the call reads: it is answered while somebody else holds the write lock."""
    made = world.now.rotate(world.key())
    world.now.self(made.new.text)
    since = world.overview(2).key.in_use_since_utc
    assert since is not None
    with world.database.write():
        assert world.now.self(made.new.text).status_code == 200
    world.at("1h").self(made.new.text)
    assert world.overview(2).key.in_use_since_utc == since
    assert len(world.events("successor-first-used")) == 1


def test_a_use_that_cannot_be_recorded_is_not_answered(world: ServerHarness) -> None:
    made = world.now.rotate(world.key())
    database = Database(world.url, busy_timeout=timedelta(milliseconds=100))
    with Running(database) as url, closing(Client(url, world.secrets)) as client:
        with world.holding(2):
            assert problem(client.self(made.new.text)) == (503, "unavailable")
        assert client.self(made.new.text).status_code == 200
    database.close()


def test_a_key_that_dies_while_it_is_first_used_is_refused(world: ServerHarness) -> None:
    made = world.now.rotate(world.key())
    administration.revoke_key(world.database, 2)
    assert problem(world.now.self(made.new.text)) == (401, "key-revoked")
    assert world.overview(2).key.in_use_since_utc is None


@pytest.mark.parametrize("seed", range(8))
def test_the_first_use_against_the_confirmation_of_again(world: ServerHarness, seed: int) -> None:
    """Either may win: the owner's key works after the overlap, because it was used within."""
    del seed  # the races differ by themselves
    after = world.at("8d")
    old = world.key()
    owner = world.now.rotate(old)
    thief = world.now.open(old, again=True, overlap_days=0)
    acts: list[Callable[[Client], requests.Response]] = [
        lambda client: client.self(owner.new.text),
        lambda client: client.confirm(thief.new.text, thief.id),
        lambda client: client.put(old, uuid4(), NewKey(again=True, overlap_days=0)),
    ]
    barrier = Barrier(len(acts))

    def act(one: Callable[[Client], requests.Response]) -> int:
        with closing(Client(world.now.url, world.secrets)) as client:
            barrier.wait()
            return one(client).status_code

    with ThreadPoolExecutor(len(acts)) as pool:
        used, confirmed, _opened = pool.map(act, acts)
    assert used == 200
    assert confirmed in (200, 409)
    assert after.self(owner.new.text).json()["revokesAt"] is None
    states = {event["type"] for event in world.events()}
    assert ("key-retiring" in states) == (confirmed == 200)
    assert len(world.events("successor-first-used")) == 1


def test_a_kill_after_the_answer_does_not_lose_the_use(tmp_path: Path, empty_database: str) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    database = Database(empty_database)
    migrate(database)
    administration.add_user(database, "ci", admin=False, roles=[ROTATOR])
    old = administration.add_key(database, "ci", "build", None)
    database.close()
    options = ("--insecure-http", f"--database={empty_database}")
    with Process(data_dir, *options) as server, closing(Client(server.url, [])) as client:
        owner = client.rotate(old)
        assert client.self(owner.new.text).status_code == 200
        server.end(signal.SIGKILL)
    with Process(data_dir, *options) as server, closing(Client(server.url, [])) as client:
        answer = client.put(old, uuid4(), NewKey(again=True, overlap_days=0))
        assert problem(answer) == (409, "already-rotated")


def test_a_successor_of_an_older_database_is_in_use_from_its_next_use(
    tmp_path: Path, empty_database: str
) -> None:
    """Nothing is known of uses before the upgrade, so nothing is invented."""
    file = tmp_path / "keyserver.db"
    database = Database(empty_database)
    migrate(database)
    administration.add_user(database, "ci", admin=False, roles=[ROTATOR])
    database.close()
    world = ServerHarness(file, empty_database)
    owner = world.now.rotate(world.key())
    world.close()
    database = Database(empty_database)
    with database.write() as connection:  # as revision 0003 leaves the keys that are there
        connection.exec_driver_sql("UPDATE keys SET in_use_since_utc = NULL")
    database.close()
    world = ServerHarness(file, empty_database)
    assert world.now.self(owner.new.text).status_code == 200
    assert world.overview(2).key.in_use_since_utc is not None
    world.close()
