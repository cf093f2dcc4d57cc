"""The protocol's model, searched exhaustively: the rules and their traces are in ``model``."""

from model.protocol import Protocol, Rules, search
from proof.conftest import Proof
from proof.matrix import amount

RUNS, SINKS = amount(2, 4), 3


def test_no_run_ever_locks_one_of_three_destinations_out(proof: Proof) -> None:
    with proof("model") as record:
        found = search(Protocol(Rules(), RUNS, sinks=SINKS))
        record.points = found.states
        assert found.lock_out is None, "\n".join(found.lock_out or ())
    assert found.states > 10**RUNS  # it did search
