"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from e2e.client_harness import ClientHarness, Ledger
from proof.matrix import SEED
from support.call_faults import chaos
from support.front import Front
from support.keyserver import KeyServer


@pytest.fixture
def server_in_chaos(
    shared_server: KeyServer, request: pytest.FixtureRequest
) -> Iterator[KeyServer]:
    """The shared server behind a front that commits a fault at some of its calls.

    Tests with the mark ``undisturbed`` look at what one run prints, whatever came before it.
    """
    if request.node.get_closest_marker("undisturbed"):
        yield shared_server
        return
    with Front(shared_server.url, shared_server.data_dir).running() as front:
        chance = Random(f"{SEED} {request.node.nodeid}")  # noqa: S311 - not a secret
        front.faults.append(chaos(chance))
        yield shared_server.behind(front.url)


@pytest.fixture
def client(server_in_chaos: KeyServer, tmp_path: Path) -> ClientHarness:
    """A place to run the client from, against the shared server in its chaos."""
    return ClientHarness(server_in_chaos, tmp_path)


@pytest.fixture
def ledger(shared_server: KeyServer) -> Ledger:
    """The shared server's keys."""
    return Ledger(shared_server)


@pytest.fixture
def key(ledger: Ledger, fresh_name: str) -> str:
    """A fresh key of the shared server, valid for 90 days."""
    return ledger.add(fresh_name)
