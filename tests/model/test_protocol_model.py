"""The protocol, searched exhaustively: no lock-out with its rules, one without each of them."""

from textwrap import dedent

import pytest

from model.protocol import MACHINES, Protocol, Rules, State, reachable, search, undisturbed
from model.traces import TRACES


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_no_run_ever_locks_a_destination_out(runs: int) -> None:
    found = search(Protocol(Rules(), runs))
    assert found.lock_out is None, "\n".join(found.lock_out or ())
    assert found.states > 10**runs  # it did search


@pytest.mark.parametrize(("rules", "trace"), TRACES.values(), ids=TRACES)
def test_without_any_of_its_rules_it_does(rules: Rules, trace: str) -> None:
    found = search(Protocol(rules))
    assert found.lock_out is not None
    assert list(found.lock_out) == dedent(trace).strip().splitlines()


def unfinished(protocol: Protocol) -> list[State]:
    """Return where a last run ends that nothing disturbs, when it leaves more than one key."""
    ends = {
        undisturbed(protocol, state, machine)
        for state in reachable(protocol)
        if all(run.step == "gone" for run in state.runs)
        for machine in MACHINES
    }
    return [end for end in ends if not finished(end)]


def finished(state: State) -> bool:
    held = set(state.sinks)
    known = [number for number, key in enumerate(state.keys) if key.state != "made"]
    lasting = {n for n in known if not (state.keys[n].armed or state.keys[n].dead)}
    return len(held) == 1 and lasting == held


def test_one_undisturbed_run_leaves_exactly_one_key() -> None:
    assert unfinished(Protocol(Rules(), runs=2, candidates=3)) == []


def test_unless_the_candidate_it_starts_with_is_not_adopted() -> None:
    assert unfinished(Protocol(Rules(candidates_are_adopted=False), runs=2, candidates=3)) != []
