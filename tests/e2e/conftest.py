"""Fixtures of the end-to-end tests."""

from pathlib import Path

import pytest

from e2e.client_harness import ClientHarness, Ledger
from support.keyserver import KeyServer


@pytest.fixture
def client(shared_server: KeyServer, tmp_path: Path) -> ClientHarness:
    """A place to run the client from, against the shared server."""
    return ClientHarness(shared_server, tmp_path)


@pytest.fixture
def ledger(shared_server: KeyServer) -> Ledger:
    """The shared server's keys."""
    return Ledger(shared_server)


@pytest.fixture
def key(ledger: Ledger, fresh_name: str) -> str:
    """A fresh key of the shared server, valid for 90 days."""
    return ledger.add(fresh_name)
