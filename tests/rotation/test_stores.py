"""Three destinations in one run, each of which fails: told before, told after, and made up for.

The real client and the real key server, with the front between them: it tells when the rotation
is open, so that a destination can fail after its check.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rotation.locations import Oracle
from rotation.stores import KINDS
from support.front import Exchange, Front
from support.keys import Lineage, add_keys, lineages
from support.keyserver import KeyServer
from support.kill import Ended, Nursery
from support.providers.exchange import before

DONE, REFUSED, NOT_DELIVERED = 0, 11, 12
DELIVERED, HELD, FAILED = "delivered", "had the key already", "failed"
WAITING = "skipped until the other destinations have the key"


@dataclass
class Run:
    """A command with its destinations, and the road to the key server."""

    server: KeyServer
    front: Front
    nursery: Nursery
    folder: Path
    name: str
    key: str
    destinations: Sequence[Any]

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.server)

    def rotate(self) -> Ended:
        emits = [part for each in self.destinations for part in ("-e", each.text)]
        environ = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "SIGNOTAUR_API_KEY": self.key}
        for each in self.destinations:
            environ |= each.environ
        state = ("--state-dir", self.folder / "state", "--json")
        return self.nursery.run(("rotate-key", *self.front.options, *emits, *state), environ)

    def when_open(self, act: Any) -> None:
        """Act once, when the rotation is about to be opened: every destination was checked."""
        left = [act]

        def fault(exchange: Exchange) -> bool:
            if exchange.method == "PUT" and left:
                left.pop()()
            return False

        self.front.faults.append(fault)

    @property
    def held(self) -> list[str]:
        return [each.held() for each in self.destinations]

    @property
    def writes(self) -> list[int]:
        return [each.writes for each in self.destinations]

    @property
    def lineage(self) -> Lineage:
        return lineages(self.server)[self.name]

    def check_finished(self, ended: Ended) -> None:
        """Fail unless exactly one key survives, and every destination holds it."""
        assert ended.code == DONE, ended.err
        (new,) = set(self.held)
        assert self.lineage.survivors == (self.oracle.id_of(new),)
        assert self.lineage.confirmed == 1
        assert len(self.lineage.ids) == 2, "the same candidate was delivered again"
        assert not list((self.folder / "state").iterdir())


def results(ended: Ended) -> list[str]:
    """Return what the client tells of each destination; it tells of each."""
    listed = json.loads(ended.out)["results"]
    return [each["result"] for each in listed]


@pytest.fixture
def run(
    request: pytest.FixtureRequest,
    plain_server: KeyServer,
    front: Front,
    nursery: Nursery,
    tmp_path: Path,
    fresh_name: str,
) -> Iterator[Run]:
    (key,) = add_keys(plain_server, [fresh_name])
    with ExitStack() as stack:
        destinations = []
        for number, kind in enumerate(request.param):
            folder = tmp_path / str(number)
            folder.mkdir()
            destinations.append(stack.enter_context(KINDS[kind](folder, key)))
        yield Run(plain_server, front, nursery, tmp_path, fresh_name, key, destinations)


def each_position(*kinds: str) -> pytest.MarkDecorator:
    """Run a test with three destinations, of which one fails.

    The kinds that are always among the three fail at each position, the others at one of them.
    """
    usual = ("github", "command", "file")
    cases = []
    for number, kind in enumerate(kinds):
        others = [each for each in usual if each != kind][:2]
        for position in range(3) if kind in usual else [number % 3]:
            order = [*others[:position], kind, *others[position:]]
            shown = [each.upper() if each == kind else each for each in order]
            cases.append(pytest.param(order, position, id="-".join(shown)))
    return pytest.mark.parametrize(("run", "position"), cases, indirect=["run"])


@each_position(*KINDS)
def test_one_that_is_refused_keeps_the_server_unasked(run: Run, position: int) -> None:
    held = run.held
    run.destinations[position].refuse()
    ended = run.rotate()
    assert ended.code == REFUSED, ended.err
    assert run.front.requests == []
    told = json.loads(ended.out)
    assert "Nothing was sent to the server" in told["keys"]
    run.destinations[position].repair()
    assert run.held == held
    assert run.writes == [0, 0, 0]
    run.check_finished(run.rotate())
    assert run.writes == [1, 1, 1]


@each_position(*KINDS)
def test_a_store_that_refuses_is_retried_later(run: Run, position: int) -> None:
    run.when_open(run.destinations[position].fail)
    check_unfinished(run, run.rotate(), position)
    run.destinations[position].repair()
    again = run.rotate()
    run.check_finished(again)
    assert run.writes == [1, 1, 1]
    expected = [HELD, HELD, DELIVERED]
    if position < 2:
        expected = [DELIVERED if at in (position, 2) else HELD for at in range(3)]
    assert results(again) == expected


@each_position("github", "gitlab", "command")
def test_an_unproved_write_is_repeated(run: Run, position: int) -> None:
    doubtful = run.destinations[position]
    run.when_open(doubtful.lose_proof)
    check_unfinished(run, run.rotate(), position)
    doubtful.repair()
    again = run.rotate()
    run.check_finished(again)
    repeated = 0 if doubtful.holds_unproved else 1
    assert run.writes == [1 + (repeated if at == position else 0) for at in range(3)]


@pytest.mark.parametrize("run", [["file", "vault", "github"]], indirect=True, ids=["all"])
@pytest.mark.parametrize("position", [0, 1], ids=["file", "vault"])
def test_an_overwritten_value_is_written_again(run: Run, position: int) -> None:
    """What can be read is read again when all have the key, just before the confirmation."""
    overwritten, last = run.destinations[position], run.destinations[2]
    last.place.server.faults.append(before("PUT", "secrets/", lambda: overwritten.put(run.key)))
    ended = run.rotate()
    assert "does not contain the key that was written to it" in ended.err
    check_unfinished(run, ended, position, waiting=False)
    again = run.rotate()
    run.check_finished(again)
    assert results(again) == [DELIVERED if at == position else HELD for at in range(3)]


def check_unfinished(run: Run, ended: Ended, position: int, *, waiting: bool = True) -> None:
    """Both keys work, nothing is armed, and each destination's result is told."""
    assert ended.code == NOT_DELIVERED, ended.err
    expected = [DELIVERED, DELIVERED, WAITING if waiting else DELIVERED]
    expected[position] = FAILED
    assert results(ended) == expected
    assert run.oracle.accepts(run.key)
    assert all(run.oracle.accepts(each) for each in run.held)
    assert len({run.key, *run.held}) == 2
    lineage = run.lineage
    assert len(lineage.working) == 2
    assert lineage.survivors == lineage.working, "no end is armed"
    assert lineage.revokes_at == ()
    assert lineage.confirmed == 0
