"""How a proof records what it tried."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from proof.matrix import Record, recorded

Proof = Callable[[str], AbstractContextManager[Record]]


@pytest.fixture
def proof(capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Proof:
    """Record what a test tries of a matrix, and say it on the test's own output."""

    @contextmanager
    def proof(matrix: str) -> Iterator[Record]:
        with recorded(matrix, request.node.nodeid) as record:
            try:
                yield record
            finally:
                with capfd.disabled():
                    sys.stderr.write(f"\n{request.node.name}: {record}\n")
                    sys.stderr.flush()

    return proof
