"""A rotation whose answers the network cuts, drops, delays, doubles or changes, at any byte.

The client's rotation, journal and HTTP against the real server, in this process: pauses take no
time. What a rotation cannot finish because of the fault, the same rotation finishes without it.
"""

from itertools import product
from pathlib import Path

import pytest

from proof.conftest import Proof
from proof.disturbed_rotations import BYTES, FAULTS, MATRIX, Rotations
from proof.matrix import amount, chosen
from support.call_faults import CALLS
from support.keyserver import KeyServer
from support.wire import Cut, Damage


@pytest.mark.parametrize("how", BYTES, ids=lambda how: how.value)
def test_a_fault_at_a_byte_of_the_answers_that_count_makes_one_key(
    plain_server: KeyServer, tmp_path: Path, how: Cut | Damage, proof: Proof
) -> None:
    rotations = Rotations(plain_server, tmp_path)
    _, rotation, _, confirmation = rotations.answers()
    sample, full = BYTES[how]
    offsets = chosen([*rotation, *confirmation], sample, how.value, full)
    with proof(MATRIX) as record:
        rotations.try_bytes(record, [(offset, how) for offset in offsets])


@pytest.mark.parametrize("how", BYTES, ids=lambda how: how.value)
def test_a_fault_at_a_byte_of_tls_makes_one_key(
    shared_server: KeyServer, tmp_path: Path, how: Cut | Damage, proof: Proof
) -> None:
    """The handshake is hit, too, and TLS records instead of lines."""
    rotations = Rotations(shared_server, tmp_path)
    offsets = chosen(range(rotations.length()), 3, f"{how.value} tls", 40)
    with proof(MATRIX) as record:
        rotations.try_bytes(record, [(offset, how) for offset in offsets])


def test_a_fault_at_a_call_makes_one_key(
    plain_server: KeyServer, tmp_path: Path, proof: Proof
) -> None:
    with proof(MATRIX) as record:
        Rotations(plain_server, tmp_path).try_calls(record, list(product(CALLS, FAULTS)))


def test_a_server_that_is_never_quite_well_costs_no_key(
    plain_server: KeyServer, tmp_path: Path, proof: Proof
) -> None:
    with proof("server chaos") as record:
        rotations = Rotations(plain_server, tmp_path)
        rotations.try_in_chaos(record, range(amount(20, 1000)))
