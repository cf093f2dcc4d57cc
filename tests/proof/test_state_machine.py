"""Hypothesis looks for a sequence of runs, kills, losses and pauses that locks a build out."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from proof.conftest import Proof
from proof.matrix import SEED, Record, amount
from proof.virtual_world import LEASE_AND_MORE, Killed, VirtualServer, VirtualWorld
from signotaur_keyserver.database.database import Database

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WATCHDOG, OVERLAP_AND_MORE = 5 * MINUTE, 8 * DAY
MACHINES = st.sampled_from((0, 1))
MOMENTS = st.integers(1, 14)
EXAMPLES, LENGTH = amount(4, 20), 30
"""Sequences of one search, and the mishaps in each."""
_NUMBERS = count()
STEPS = {"SQLite": amount(1000, 200_000), "PostgreSQL": amount(500, 50_000)}


class Rotations(RuleBasedStateMachine):
    """What may happen to a key that two machines rotate; ``server`` is the same for all."""

    server: VirtualServer
    record: Record
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.world = VirtualWorld(self.server, self.folder, f"key {next(_NUMBERS)}")

    @rule(machine=MACHINES)
    def run(self, machine: int) -> None:
        """Nothing disturbs this run."""
        self._count(self.world.run(machine))

    @rule(machine=MACHINES, at=MOMENTS)
    def is_killed(self, machine: int, at: int) -> None:
        self._count(self.world.run(machine, at, _kill))

    @rule(machine=MACHINES, at=MOMENTS)
    def meets_another(self, machine: int, at: int) -> None:
        """The other machine does a whole run between two acts of this one."""
        self._count(self.world.run(machine, at, lambda: self._count(self.world.run(1 - machine))))

    @rule(machine=MACHINES, at=MOMENTS, other_at=MOMENTS)
    def meets_another_that_is_killed(self, machine: int, at: int, other_at: int) -> None:
        def act() -> None:
            self._count(self.world.run(1 - machine, other_at, _kill))

        self._count(self.world.run(machine, at, act))

    @rule(machine=MACHINES, at=MOMENTS)
    def is_slow(self, machine: int, at: int) -> None:
        """Four minutes pass: it may go on."""
        act: Callable[[], None] = lambda: self.server.pass_time(4 * MINUTE)  # noqa: E731
        self._count(self.world.run(machine, at, act))

    @rule(machine=MACHINES, at=MOMENTS)
    def is_paused_past_its_lease(self, machine: int, at: int) -> None:
        """It wakes after another run, and its watchdog kills it before anything else."""

        def act() -> None:
            self.server.pass_time(LEASE_AND_MORE)
            self._count(self.world.run(1 - machine))
            raise Killed

        self._count(self.world.run(machine, at, act))

    @rule(machine=MACHINES)
    def loses_its_journal(self, machine: int) -> None:
        self.world.lose_journal(machine)
        self._count("journal lost")

    @rule(span=st.sampled_from((WATCHDOG, LEASE_AND_MORE, DAY, OVERLAP_AND_MORE)))
    def time_passes(self, span: timedelta) -> None:
        self.server.pass_time(span)
        self._count("time passed")

    @rule()
    def is_swept(self) -> None:
        self.server.sweep()
        self._count("swept")

    @invariant()
    def no_destination_is_locked_out(self) -> None:
        self.world.look()
        assert self.world.locked_out == []

    def teardown(self) -> None:
        """After all mishaps, undisturbed runs leave exactly one key."""
        try:
            self._finish()
        finally:
            self.record.points += self.world.steps

    def _finish(self) -> None:
        for _ in range(2):
            self.server.pass_time(LEASE_AND_MORE)
            ended = self.world.run(0)
            self.no_destination_is_locked_out()
            if ended == "rotated":
                break
            self.server.pass_time(OVERLAP_AND_MORE)
        assert ended == "rotated", ended
        self.server.pass_time(OVERLAP_AND_MORE)
        self.server.sweep()
        held = set(self.world.held)
        assert len(held) == 1, "the destinations differ"
        assert set(self.world.survivors()) == held, "not one key survives"

    def _count(self, outcome: str) -> None:
        self.record.count(outcome)


def _kill() -> None:
    raise Killed


@pytest.mark.parametrize(("database", "steps"), STEPS.items(), ids=STEPS, indirect=["database"])
def test_nothing_that_may_happen_locks_a_build_out(
    database: Database,
    steps: int,
    tmp_path: Path,
    proof: Proof,
    request: pytest.FixtureRequest,
) -> None:
    name = request.node.callspec.id
    with VirtualServer(database) as server, proof(f"state machine, {name}") as record:
        for number in count():
            if record.points >= steps or record.is_late:
                break
            machine = type(
                "Case", (Rotations,), {"server": server, "record": record, "folder": tmp_path}
            )
            run_state_machine_as_test(
                seed(SEED + number)(machine),
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=LENGTH,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
