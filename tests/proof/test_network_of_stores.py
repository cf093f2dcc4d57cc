"""A rotation whose store the network cuts off, at any byte: OpenBao's own server, over TLS.

The key server is not disturbed here. What a rotation cannot deliver because of the fault, the same
rotation delivers without it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from proof.conftest import Proof
from proof.disturbed_rotations import BYTES, MATRIX, Rotation, Rotations
from proof.matrix import Record, chosen
from signotaur_action.sinks import emitter
from support.keyserver import KeyServer
from support.providers.openbao import OpenBao
from support.providers.stores import NAME, NEIGHBOUR, OpenBaoOverTls
from support.wire import Cut, Damage

PATIENCE = 5
"""OpenBao keeps a connection open: a client that lacks a byte of an answer waits that long."""


@dataclass
class StoreRotation(Rotation):
    """The rotation of one key into a secret of its own; a file beside its name has the journal."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._place = OpenBaoOverTls(new=True, beside=True)
        self._place.put(self.key)

    def __enter__(self) -> Self:
        self._place.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._place.__exit__(*raised)

    def held(self) -> str:
        """See ``Rotation``. Another field of the secret stays, whatever happens."""
        fields = self._place.held()
        assert fields == {"PASSWORD": NEIGHBOUR, NAME: fields[NAME]}
        return str(fields[NAME])

    def run(self, url: str, patience: int = PATIENCE) -> None:
        """Rotate with the store behind a URL."""
        context = self._place.context(seconds=patience, BAO_ADDR=url)
        self.rotate(emitter(self._place.text, context), self.server.url)

    def try_under(self, record: Record, url: str, patience: int = PATIENCE) -> None:
        """See ``Rotation``."""
        super().try_under(record, url, min(patience, PATIENCE))


@pytest.mark.parametrize("how", BYTES, ids=lambda how: how.value)
def test_a_fault_at_a_byte_of_what_a_store_says_costs_no_key(
    plain_server: KeyServer, openbao: OpenBao, tmp_path: Path, how: Cut | Damage, proof: Proof
) -> None:
    rotations = Rotations(plain_server, tmp_path, StoreRotation, openbao.url)
    offsets = chosen(range(rotations.length()), 3, f"{how.value} store", 40)
    with proof(MATRIX) as record:
        rotations.try_bytes(record, [(offset, how) for offset in offsets])
