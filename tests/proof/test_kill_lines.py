"""``kill -9`` at any line of the client, and then the same command again.

After each kill an oracle outside the client reads the destination (it must hold a key that the
server accepts, and never a torn one), asks the server with every key that is anywhere, and after
the next run counts the keys at the server.
"""

import random
from functools import cache

import pytest

from proof.conftest import Proof
from proof.destinations import EVERY
from proof.lanes import Lanes
from proof.matrix import SEED, Record, chosen
from rotation.fault_harness import DONE, FaultHarness
from rotation.locations import LOCATIONS, Expected, KeyLocation

MATRIX = "kill at a line"
KILLED_AGAIN = 2
"""How often the run that should finish is killed, too, in a test of that."""


@cache
def lines_of_a_run(lanes: Lanes, kind: str) -> int:
    return lanes.undisturbed(kind, lambda harness, place: harness.run(place, counted=True)).lines


def killed(record: Record, harness: FaultHarness, place: KeyLocation, line: int) -> None:
    """Kill a run before its line; it may be some lines shorter than the counted one."""
    ended = harness.run(place, kill_at=line)
    record.count("killed" if ended.killed else "over before")
    assert ended.killed or ended.code == DONE, ended.err


@pytest.mark.parametrize("kind", EVERY)
def test_the_same_command_finishes_what_a_kill_cut(lanes: Lanes, kind: str, proof: Proof) -> None:
    total = lines_of_a_run(lanes, kind)
    sample, full = (12, None) if kind in LOCATIONS else (2, 200)

    def attempt(harness: FaultHarness, place: KeyLocation, name: str, line: int) -> Expected:
        killed(record, harness, place, line)
        harness.check_nothing_is_lost(place)
        return harness.finish(place, name)

    with proof(MATRIX) as record:
        lanes.try_each(record, kind, chosen(range(1, total + 1), sample, kind, full), attempt)
        # A run may be a little shorter than the counted one, so one point may lie behind its end.
        assert record.outcomes["killed"] >= record.points * 0.9 - 1


@pytest.mark.parametrize("kind", EVERY)
def test_a_run_that_finishes_another_may_be_killed_too(
    lanes: Lanes, kind: str, proof: Proof
) -> None:
    total = lines_of_a_run(lanes, kind)
    sample, full = (4, 200) if kind in LOCATIONS else (1, 20)

    def attempt(harness: FaultHarness, place: KeyLocation, name: str, line: int) -> Expected:
        chance = random.Random(f"{SEED} {kind} {line}")  # noqa: S311
        killed(record, harness, place, line)
        harness.check_nothing_is_lost(place)
        for _ in range(KILLED_AGAIN):
            if not harness.is_over(place):
                killed(record, harness, place, chance.randint(total // 4, total))
                harness.check_nothing_is_lost(place)
        if not harness.is_over(place):
            return harness.finish(place, name)
        return harness.expect(place, name)

    with proof(MATRIX) as record:
        points = chosen(range(1, total + 1), sample, f"{kind} again", full)
        lanes.try_each(record, kind, points, attempt)


@pytest.mark.parametrize("kind", LOCATIONS)
def test_a_later_run_finishes_although_the_journal_is_lost(
    lanes: Lanes, kind: str, proof: Proof
) -> None:
    total = lines_of_a_run(lanes, kind)

    def attempt(harness: FaultHarness, place: KeyLocation, name: str, line: int) -> Expected:
        killed(record, harness, place, line)
        place.lose_journal()
        return harness.finish(place, name, candidates=1)

    with proof(MATRIX) as record:
        points = chosen(range(1, total + 1), 8, f"{kind} lost", 50)
        lanes.try_each(record, kind, points, attempt)
