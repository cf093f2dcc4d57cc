"""Fixtures of the fleet's tests."""

from pathlib import Path

import pytest

from fleet.harness import Fleet
from support.keyserver import KeyServer


@pytest.fixture
def fleet(plain_server: KeyServer, tmp_path: Path) -> Fleet:
    """A fleet without entries, on the plain server."""
    return Fleet(plain_server, tmp_path)
