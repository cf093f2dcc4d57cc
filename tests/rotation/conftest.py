"""Parts that the fault tests share in one worker."""

import sys
from collections.abc import Callable, Iterator

import pytest

from rotation.locations import SEED, Oracle
from support.keyserver import KeyServer
from support.kill import Nursery


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Starts runs of the client that may die at a chosen line."""
    with Nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


@pytest.fixture(scope="session")
def oracle(shared_server: KeyServer) -> Oracle:
    """Asks the shared server past the client."""
    return Oracle(shared_server)


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tell on the test's own output how much was tried."""

    def tell(text: str) -> None:
        with capfd.disabled():
            sys.stderr.write(f"\n{request.node.name}: {text} (seed {SEED})\n")
            sys.stderr.flush()

    return tell
