"""``kill -9`` at lines of a run with ``--tool``, and then the same command again."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rotation.locations import FACTOR, SEED
from support.keyserver import KeyServer
from support.kill import Ended, Nursery
from vendor_tool.conftest import ToolClient

KILLS = 24
DONE, UNFINISHED, STILL_RUNNING = 0, 12, 14


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


def run(nursery: Nursery, client: ToolClient, *more: str, kill_at: int | None = None) -> Ended:
    return nursery.run(client.words(*more), client.environ, kill_at=kill_at)


def finish(nursery: Nursery, client: ToolClient) -> Ended:
    """Run the same command again, once the tool of the killed run has ended."""
    while (ended := run(nursery, client)).code == STILL_RUNNING:
        time.sleep(0.05)
    return ended


def test_the_same_command_finishes_or_says_that_a_person_must_look(
    nursery: Nursery, plain_server: KeyServer, tmp_path: Path, fresh_name: str
) -> None:
    """At every moment the file has a key that works, and the server made at most one new key."""
    whole = ToolClient(plain_server, tmp_path / "whole", fresh_name)
    total = run(nursery, whole).lines
    unknown = 0
    for number, line in enumerate(random.Random(SEED).sample(range(1, total), KILLS * FACTOR)):  # noqa: S311
        client = ToolClient(plain_server, tmp_path / str(number), f"{fresh_name} {number}")
        old = client.stored
        killed = run(nursery, client, kill_at=line)
        assert plain_server.accepts(client.stored), line
        if killed.code == DONE or client.is_over(old):
            continue
        ended = finish(nursery, client)
        assert len(client.ledger.successors(old)) <= 1, line
        if ended.code == UNFINISHED:
            # Killed when it started the tool: nobody knows whether the tool did anything.
            unknown += 1
            assert "does not contain its answer" in ended.err
            ended = run(nursery, client, "--again")
        assert ended.code == DONE, (line, ended.err)
        assert client.stored != old
        assert plain_server.accepts(client.stored)
        assert client.leftovers() == []
    assert unknown <= KILLS * FACTOR // 4
