"""Many at once: exactly one wins, nothing is done twice, and a kill loses nothing acknowledged."""

import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import pytest
import requests

from keyserver.harness import Client, NewKey, ServerHarness, problem, wait_until
from keyserver.load import (
    Acknowledged,
    require_acknowledged,
    require_matching_events,
    rotate_until_refused,
)
from keyserver.processes import Process
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.database.migrate import migrate
from signotaur_keyserver.service import administration
from signotaur_wire.roles import ROTATOR

pytestmark = pytest.mark.both_databases


def _at_once(
    world: ServerHarness, count: int, act: Callable[[Client, int], requests.Response]
) -> list[requests.Response]:
    """Call from as many threads, spread over two servers of one database."""
    barrier = Barrier(count)
    urls = [world.now.url, world.at("1s").url]

    def one(index: int) -> requests.Response:
        with closing(Client(urls[index // 2 % 2], world.secrets)) as client:
            client.call("GET", "/healthz")
            barrier.wait()
            return act(client, index)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_many_runs_one_opens_the_rotation(world: ServerHarness) -> None:
    old = world.key()
    answers = _at_once(
        world, 20, lambda client, i: client.put(old, uuid4(), NewKey(holder=f"run {i}"))
    )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    refused = {problem(answer)[1] for answer in answers if answer.status_code == 409}
    assert refused == {"rotation-open"}
    assert len(world.events("rotation-opened")) == 1


def test_of_many_repeats_one_opens_and_all_agree(world: ServerHarness) -> None:
    old, rotation_id, new = world.key(), uuid4(), NewKey()
    answers = _at_once(world, 20, lambda client, _: client.put(old, rotation_id, new))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert {answer.json()["newKeyId"] for answer in answers} == {2}
    assert len(world.events("rotation-opened")) == 1


def test_many_confirmations_confirm_once(world: ServerHarness) -> None:
    opened = world.now.open(world.key())
    answers = _at_once(world, 20, lambda client, _: client.confirm(opened.new.text, opened.id))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["confirmedAt"] for answer in answers}) == 1
    assert len(world.events("rotation-confirmed")) == 1
    assert len(world.events("candidate-first-used")) == 1


def test_confirm_against_abort_ends_in_one_of_both(world: ServerHarness) -> None:
    old = world.key()
    opened = world.now.open(old)

    def act(client: Client, index: int) -> requests.Response:
        if index % 2:
            return client.confirm(opened.new.text, opened.id)
        return client.abort(old, opened.id)

    _at_once(world, 10, act)
    state = world.now.get(old, opened.id).json()["state"]
    new_key_works = world.now.self(opened.new.text).status_code == 200
    old_key_is_armed = world.now.self(old).json()["revokesAt"] is not None
    assert (state, new_key_works, old_key_is_armed) in {
        ("confirmed", True, True),
        ("aborted", False, False),
    }


def test_a_kill_under_load_loses_nothing_acknowledged(tmp_path: Path, empty_database: str) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    options = ("--insecure-http", f"--database={empty_database}")
    database = Database(empty_database)
    migrate(database)
    administration.add_user(database, "ci", admin=False, roles=[ROTATOR])
    acknowledged: Acknowledged = {}
    for number in (1, 2):
        keys = [administration.add_key(database, "ci", "build", None) for _ in range(120)]
        with Process(data_dir, *options) as server, ThreadPoolExecutor(4) as pool:
            runs = [
                pool.submit(rotate_until_refused, server.url, keys[i::4], acknowledged)
                for i in range(4)
            ]
            wait_until(lambda least=20 * number: len(acknowledged) >= least)  # type: ignore[misc]
            assert server.end(signal.SIGKILL) == -signal.SIGKILL
            for run in runs:
                run.result()
    _require_intact(empty_database, database)
    with Process(data_dir, *options) as server, closing(Client(server.url, [])) as client:
        require_acknowledged(client, acknowledged)
    require_matching_events(database)
    database.close()


def _require_intact(url: str, database: Database) -> None:
    if not url.startswith("sqlite"):
        return  # PostgreSQL checks what it reads
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").all() == [("ok",)]
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
