"""Fixtures for every folder: one key server for a worker, a fresh user and key for a test."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from support.front import Front
from support.keyserver import KeyServer
from support.providers.openbao import OpenBao, end_shared_openbao, shared_openbao

REQUIRE_ALL = os.environ.get("SIGNOTAUR_REQUIRE_ALL") == "1"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where every real part is required, a skipped test is a failed one."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"


def pytest_collection_finish() -> None:
    """Take modules and tests out of garbage collection: they are never garbage.

    Each full collection would visit them again, an eighth of the time of all tests.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """End what the tests of a worker shared."""
    end_shared_openbao()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyServer]:
    """A real key server over TLS that the tests of one worker share."""
    server = KeyServer(tmp_path_factory.mktemp("keyserver") / "data")
    server.add_user("build")
    with server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[KeyServer]:
    """A real key server of this test alone, over TLS: it may be stopped, or its clock moved."""
    server = KeyServer(tmp_path / "keyserver-data")
    server.add_user("build")
    with server:
        yield server


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyServer]:
    """A real key server on plain http, for tests that look between client and server."""
    server = KeyServer(tmp_path_factory.mktemp("plain") / "data", tls=False)
    server.add_user("build")
    with server:
        yield server


@pytest.fixture
def openbao() -> OpenBao:
    """OpenBao's own server over TLS, which the tests of one worker share."""
    return shared_openbao()


@pytest.fixture
def front(plain_server: KeyServer) -> Iterator[Front]:
    """A front before ``plain_server`` that records requests and commits faults."""
    with Front(plain_server.url).running() as front:
        yield front


@pytest.fixture
def fresh_name() -> str:
    """A name that no other test uses."""
    return f"test-{uuid4().hex[:12]}"


@pytest.fixture
def key(shared_server: KeyServer, fresh_name: str) -> str:
    """A fresh key of the shared server."""
    return shared_server.add_key(name=fresh_name)


@pytest.fixture
def key_file(tmp_path: Path, key: str) -> Path:
    """A key file that holds ``key``."""
    path = tmp_path / "key.txt"
    path.write_text(f"{key}\n")
    path.chmod(0o600)
    return path
