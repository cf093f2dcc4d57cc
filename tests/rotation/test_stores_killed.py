"""``kill -9`` between any two destinations, and then the same command again.

The client dies at a request to a store, before the store has done its work or after, or by the
program's own hand. Its key comes from one of the destinations, as a job's does, so that the next
run starts with whatever that holds: on the same machine, or on one where nothing is remembered.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rotation.fault_harness import SAME_RUN
from rotation.locations import Expected, Oracle, points
from rotation.stores import KINDS, Command, Destination, Store
from support.keys import add_keys, lineages
from support.keyserver import KeyServer
from support.kill import Ended, Nursery
from support.providers.exchange import Call, Drop, Reply

DONE = 0
KILLS = 8
"""Requests at which a run is killed, for each machine and source: before them and after them."""
ORDER = (
    "github",
    "gitlab",
    "command",
    "vault",
    "aws",
    "aws parameter",
    "azure",
    "google",
    "kubernetes",
    "gitea",
    "azure devops",
    "jenkins",
    "teamcity",
    "circleci",
    "bitbucket",
    "file",
)


@dataclass
class Killer:
    """Counts the requests to all stores and kills the client at one of them."""

    nursery: Nursery
    at: int = 0
    """The number of that request, from 1; 0: none."""
    afterwards: bool = False
    """Whether the store does its work first."""
    seen: int = field(default=0, init=False)

    def watch(self, call: Call) -> Reply | Drop | None:
        self.seen += 1
        if self.seen != self.at:
            return None
        reply = call.perform() if self.afterwards else None
        self.kill()
        return reply or Drop()

    def kill(self) -> None:
        client = self.nursery.child()
        assert client is not None
        os.kill(client, signal.SIGKILL)


@dataclass
class StoreRotation:
    """A job that reads its key from one destination and rotates it for all of them."""

    server: KeyServer
    nursery: Nursery
    folder: Path
    name: str
    destinations: Sequence[Destination]
    source: Destination

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.server)
        self.state = self.folder / "state"

    def run(self, killer: Killer) -> Ended:
        """Run the command; whatever happens, every destination holds a key that works."""
        environ = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", **SAME_RUN}
        for each in self.destinations:
            environ |= each.environ
            if isinstance(each, Store):
                each.place.server.faults[:] = [killer.watch]
        environ["SIGNOTAUR_API_KEY"] = self.source.held()
        emits = [part for each in self.destinations for part in ("-e", each.text)]
        state = ("--state-dir", self.state)
        ended = self.nursery.run(("rotate-key", *self.server.options, *emits, *state), environ)
        assert all(self.oracle.accepts(each.held()) for each in self.destinations), "locked out"
        return ended

    def finish(self, *, candidates: int) -> Expected:
        """Run the command to its end, and return what the server must show then."""
        ended = self.run(Killer(self.nursery))
        assert ended.code == DONE, ended.err
        (key,) = {each.held() for each in self.destinations}
        assert not list(self.state.iterdir())
        return Expected(self.name, self.oracle.id_of(key), 1, candidates)

    def lose_machine(self) -> None:
        """Forget all that no destination holds."""
        shutil.rmtree(self.state)


Jobs = Callable[[str], AbstractContextManager[StoreRotation]]


@pytest.fixture
def jobs(shared_server: KeyServer, nursery: Nursery, tmp_path: Path, fresh_name: str) -> Jobs:
    """Open jobs, each with a fresh key, that read it from the destination of a kind."""

    @contextmanager
    def job(source: str) -> Iterator[StoreRotation]:
        name = f"{fresh_name} {len(list(tmp_path.iterdir()))}"
        (key,) = add_keys(shared_server, [name])
        folder = tmp_path / name
        folder.mkdir()
        with ExitStack() as stack:
            opened = {}
            for kind in ORDER:
                (folder / kind).mkdir()
                opened[kind] = stack.enter_context(KINDS[kind](folder / kind, key))
            destinations = list(opened.values())
            yield StoreRotation(shared_server, nursery, folder, name, destinations, opened[source])

    return job


MACHINES = pytest.mark.parametrize("lost", [False, True], ids=["same machine", "fresh machine"])
SOURCES = pytest.mark.parametrize("source", [ORDER[0], ORDER[-1]])


@MACHINES
@SOURCES
def test_killed_at_a_store(
    jobs: Jobs, nursery: Nursery, source: str, say: Callable[[str], None], *, lost: bool
) -> None:
    with jobs(source) as job:
        undisturbed = Killer(nursery)
        assert job.run(undisturbed).code == DONE
    total = undisturbed.seen
    expectations = []
    for number, at in enumerate(points(KILLS, total, f"{source} {lost}")):
        with jobs(source) as job:
            killer = Killer(nursery, at, afterwards=bool(number % 2))
            assert job.run(killer).killed
            if lost:
                job.lose_machine()
            expectations.append(job.finish(candidates=int(lost)))
    check(job.server, expectations)
    say(f"{len(expectations)} of {total} requests")


@MACHINES
@SOURCES
@pytest.mark.parametrize("stored", [False, True], ids=["before", "after"])
def test_killed_by_the_program_that_takes_the_key(
    jobs: Jobs, nursery: Nursery, source: str, *, lost: bool, stored: bool
) -> None:
    with jobs(source) as job:
        (program,) = (each for each in job.destinations if isinstance(each, Command))
        kill = "kill -9 $PPID"
        program.become(kill if stored else "true", first="true" if stored else kill)
        assert job.run(Killer(nursery)).killed
        program.repair()
        if lost:
            job.lose_machine()
        expected = job.finish(candidates=int(lost))
    check(job.server, [expected])


def check(server: KeyServer, expectations: Sequence[Expected]) -> None:
    """Exactly one key of each job survives, and it is the one that all destinations hold."""
    found = lineages(server)
    for expected in expectations:
        expected.check(found[expected.name])
