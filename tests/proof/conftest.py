"""How a proof records what it tried."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from e2e.client_harness import ClientHarness
from proof.lanes import Lanes
from proof.leak_harness import LeakHarness
from proof.matrix import Record, recorded
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.database.migrate import migrate
from support.front import Front
from support.keyserver import KeyServer
from support.postgresql import Cluster, programs

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
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyServer]:
    """A server for leak scans alone, so that its database stays small enough to be searched."""
    server = KeyServer(tmp_path_factory.mktemp("scanned") / "data", tls=False)
    server.add_user("build")
    with server:
        yield server


@pytest.fixture
def new_harness(scanned: KeyServer, tmp_path: Path) -> Iterator[Callable[[str], LeakHarness]]:
    """Make a run among canaries, in a folder of that name."""
    with Front(scanned.url).running() as front:

        def new(name: str) -> LeakHarness:
            front.faults.clear()
            front.requests.clear()
            (tmp_path / name).mkdir()
            client = ClientHarness(scanned, tmp_path / name)
            return LeakHarness(client, front, client.ledger.add())

        yield new


@pytest.fixture(scope="session")
def lanes(shared_server: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lanes]:
    """Tries points side by side, against a server that other tests use, too."""
    with Lanes(shared_server, tmp_path_factory.mktemp("lanes")) as lanes:
        yield lanes


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without keys, of the kind that the test is for."""
    if request.param == "SQLite":
        with closing(Database(sqlite_url(tmp_path / "keyserver.db"))) as database:
            migrate(database)
            yield database
        return
    if programs() is None:
        pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
    with Cluster() as cluster, closing(Database(cluster.url(cluster.create()))) as database:
        migrate(database)
        yield database
