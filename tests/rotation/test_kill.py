"""``kill -9`` at any line of the client, and then the same command again.

After each kill an oracle outside the client looks at the destination (it must hold a key that
the server accepts, and never a torn one); after the next run it counts the keys at the server.
``SIGNOTAUR_FAULT_FACTOR=10`` tries ten times as many points.
"""

import random
from collections.abc import Callable

import pytest

from rotation.fault_harness import DONE, FaultHarness
from rotation.locations import LOCATIONS, SEED, KeyLocation, points
from support.kill import Ended

KEPT, LOST = 20, 8
"""Points for each place: with its journal kept, and with it lost."""
KILLED_AGAIN = 2
"""How often the run that should finish is killed, too, in a test of that."""


def lines_of_a_run(harness: FaultHarness, kind: str) -> int:
    lines = 0

    def run(place: KeyLocation) -> Ended:
        nonlocal lines
        ended = harness.run(place)
        lines = ended.lines
        return ended

    harness.undisturbed(kind, run)
    return lines


@pytest.mark.parametrize("kind", LOCATIONS)
def test_the_same_command_finishes_what_a_kill_cut(
    harness: FaultHarness, kind: str, say: Callable[[str], None]
) -> None:
    total = lines_of_a_run(harness, kind)
    moments = points(KEPT, total, kind)
    expectations, kills = [], 0
    for moment, (name, place) in zip(moments, harness.places(kind, len(moments)), strict=True):
        kills += harness.run(place, kill_at=moment).killed
        expectations.append(harness.finish(place, name))
    harness.check_server(expectations)
    say(f"{kills} kill points of {total} lines")
    assert kills >= len(moments) * 0.9  # a run may be some lines shorter than the counted one


@pytest.mark.parametrize("kind", LOCATIONS)
def test_a_run_that_finishes_another_may_be_killed_too(
    harness: FaultHarness, kind: str, say: Callable[[str], None]
) -> None:
    total = lines_of_a_run(harness, kind)
    moments = points(KEPT // 4, total, f"{kind} twice")
    chance = random.Random(SEED)  # noqa: S311
    expectations, kills = [], 0
    for moment, (name, place) in zip(moments, harness.places(kind, len(moments)), strict=True):
        kills += harness.run(place, kill_at=moment).killed
        for _ in range(KILLED_AGAIN):
            if not harness.is_over(place):
                kills += harness.run(place, kill_at=chance.randint(total // 4, total)).killed
        if not harness.is_over(place):
            ended = harness.run(place)
            assert ended.code == DONE, ended.err
            assert place.leftovers() == []
        expectations.append(harness.expect(place, name))
    harness.check_server(expectations)
    say(f"{kills} kill points")


@pytest.mark.parametrize("kind", LOCATIONS)
def test_a_later_run_finishes_although_the_journal_is_lost(
    harness: FaultHarness, kind: str, say: Callable[[str], None]
) -> None:
    total = lines_of_a_run(harness, kind)
    moments = points(LOST, total, f"{kind} lost")
    expectations, kills = [], 0
    for moment, (name, place) in zip(moments, harness.places(kind, len(moments)), strict=True):
        kills += harness.run(place, kill_at=moment).killed
        place.lose_journal()
        expectations.append(harness.finish(place, name, candidates=1))
    harness.check_server(expectations)
    say(f"{kills} kill points")
