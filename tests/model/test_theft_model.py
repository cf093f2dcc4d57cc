"""A thief with the old key, searched exhaustively: what the rules keep from him, and why each.

The properties hold for an owner whose rotation was confirmed before any of the thief's, and who
uses the new key before the overlap ends. The last tests show that both are needed.
"""

from collections.abc import Callable

import pytest

from model.protocol import State, search
from model.theft import Theft, TheftRules, owner_is_locked_out, thief_outlives_the_overlap


def _is_bad(state: State) -> bool:
    return owner_is_locked_out(state) or thief_outlives_the_overlap(state)


@pytest.mark.parametrize(("runs", "stolen", "states"), [(1, 2, 2_000), (2, 1, 40_000)])
def test_a_thief_takes_nothing_over(runs: int, stolen: int, states: int) -> None:
    found = search(Theft(TheftRules(), runs, stolen), _is_bad)
    assert found.lock_out is None, "\n".join(found.lock_out or ())
    assert found.states > states  # it did search


USE = "a build uses key 1"
END = "the announced overlap ends"
OPEN = "the thief opens key 2 of key 0 with overlap 0"
CONFIRM = "the thief confirms key 2"
OPEN_OF_LOSER = "the thief opens key 3 of key 2 with overlap 0"
CASES: list[tuple[TheftRules, Callable[[State], bool], list[str]]] = [
    (
        TheftRules(again_needs_an_unused_successor=False),
        owner_is_locked_out,
        [USE, OPEN, END, CONFIRM],
    ),
    (
        TheftRules(again_needs_an_unused_successor=False),
        thief_outlives_the_overlap,
        [USE, OPEN, END],
    ),
    (
        TheftRules(candidates_of_losers_compete=False),
        owner_is_locked_out,
        [OPEN, USE, OPEN_OF_LOSER, END, "the thief confirms key 3"],
    ),
    (TheftRules(use_supersedes_again=False), owner_is_locked_out, [OPEN, USE, END, CONFIRM]),
    (TheftRules(use_supersedes_again=False), thief_outlives_the_overlap, [OPEN, USE, END]),
    (TheftRules(use_disarms=False), owner_is_locked_out, [OPEN, CONFIRM, USE, END]),
    (TheftRules(again_waits=False), owner_is_locked_out, [OPEN, CONFIRM]),
    (TheftRules(used_candidates_stay=False), owner_is_locked_out, ["the thief aborts key 1"]),
]


def _of_others(steps: tuple[str, ...] | None) -> list[str]:
    """Return the steps that the owner's runs did not take."""
    assert steps is not None
    return [step for step in steps if not step.startswith("run ")]


@pytest.mark.parametrize(("rules", "is_bad", "expected"), CASES)
def test_without_any_of_its_rules_he_does(
    rules: TheftRules, is_bad: Callable[[State], bool], expected: list[str]
) -> None:
    found = search(Theft(rules), is_bad)
    assert _of_others(found.lock_out) == expected


def test_the_first_to_confirm_has_the_key() -> None:
    """The only key was stolen: to the server, the thief is its owner."""
    found = search(Theft(TheftRules()), lambda state: state.lost_race and state.locked_out)
    assert found.lock_out == (
        "the thief opens key 1 of key 0 with overlap 0",
        "the thief confirms key 1",
    )


def test_a_successor_that_nobody_uses_within_the_overlap_may_be_lost() -> None:
    found = search(Theft(TheftRules()), lambda state: state.lost_race and state.overlap_ended)
    assert _of_others(found.lock_out) == [END]
