"""How a proof records what it tried."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from proof.lanes import Lanes
from proof.matrix import Record, recorded
from support.keyserver import KeyServer

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


@pytest.fixture(scope="session")
def lanes(shared_server: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lanes]:
    """Tries points side by side, against a server that other tests use, too."""
    with Lanes(shared_server, tmp_path_factory.mktemp("lanes")) as lanes:
        yield lanes
