"""Several runs at once: on one machine the journal keeps them apart, elsewhere the lease."""

from pathlib import Path

import pytest

from rotation.holding import held_back, wait
from rotation.locations import KeyFile, Oracle
from support.client import run_client, start_client
from support.front import Front
from support.keys import add_keys, lineages
from support.keyserver import KeyServer

DONE, BUSY = 0, 14


@pytest.fixture
def place(plain_server: KeyServer, fresh_name: str, tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "place", add_keys(plain_server, [fresh_name])[0])


@pytest.mark.parametrize(
    ("method", "part"), [("GET", "/keys/self"), ("PUT", "/rotations/"), ("PUT", "/confirmation")]
)
def test_on_one_machine_the_journal_stops_the_second_run(
    front: Front, place: KeyFile, method: str, part: str
) -> None:
    command = ("rotate-key", *place.arguments, *front.options)
    with held_back(front, method, part) as (arrived, free):
        first = start_client(*command, env=place.env)
        assert arrived.wait(30)
        second = run_client(*command, env=place.env)
        free.set()
    assert wait(first).code == DONE
    assert second.code == BUSY, second.err
    assert str(place.folder / ".key.txt.rotation") in second.err
    assert len(front.calls("PUT")) == 2
    assert place.leftovers() == []


def test_on_another_machine_the_lease_stops_the_second_run(
    front: Front, place: KeyFile, tmp_path: Path
) -> None:
    def command(machine: str) -> tuple[str | Path, ...]:
        return ("rotate-key", *place.arguments, *front.options, "--state-dir", tmp_path / machine)

    env = place.env | {"GITHUB_REPOSITORY": "acme/product"}
    with held_back(front, "PUT", "/rotations/") as (arrived, free):
        first = start_client(*command("one"), env=env | {"GITHUB_RUN_ID": "7001"})
        assert arrived.wait(30)
        second = run_client(*command("two"), env=env | {"GITHUB_RUN_ID": "7002"})
        free.set()
    assert wait(first).code == DONE
    assert second.code == BUSY, second.err
    assert "acme/product 7001" in second.err
    assert "again in " in second.err
    assert list((tmp_path / "two").iterdir()) == []


def test_a_re_run_of_the_same_ci_job_takes_over_at_once(
    plain_server: KeyServer, front: Front, place: KeyFile, tmp_path: Path, fresh_name: str
) -> None:
    env = place.env | {"GITHUB_RUN_ID": "7003"}
    command = ("rotate-key", *place.arguments, *front.options, "--state-dir")
    with held_back(front, "PUT", "/rotations/") as (arrived, _free):
        first = start_client(*command, tmp_path / "one", env=env)
        assert arrived.wait(30)
        first.kill()
        wait(first)
    second = run_client(*command, tmp_path / "two", env=env | {"GITHUB_RUN_ATTEMPT": "2"})
    assert second.code == DONE, second.err
    assert Oracle(plain_server).accepts(place.held())
    assert len(lineages(plain_server)[fresh_name].survivors) == 1


def test_after_the_lease_another_run_takes_over(fresh_name: str, tmp_path: Path) -> None:
    """The first run dies with its machine; only the server remembers it, for ten minutes."""
    server = KeyServer(tmp_path / "data", tls=False)
    server.add_user()
    with server, Front(server.url).running() as front:
        place = KeyFile(tmp_path / "place", add_keys(server, [fresh_name])[0])
        command = ("rotate-key", *place.arguments, *front.options)
        with held_back(front, "PUT", "/rotations/") as (arrived, _free):
            first = start_client(*command, env=place.env)
            assert arrived.wait(30)
            first.kill()
            wait(first)
        place.lose_journal()
        assert run_client(*command, env=place.env).code == BUSY
        server.look_past("11m")
        done = run_client(*command, env=place.env)
        assert done.code == DONE, done.err
        server.look_past("8d")
        server.command("sweep", "--clock-offset=8d")
        lineage = lineages(server)[fresh_name]
        assert lineage.working == lineage.survivors == (Oracle(server).id_of(place.held()),)
        assert len(lineage.ids) == 3
