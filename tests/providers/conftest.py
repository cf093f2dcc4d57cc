"""Fixtures of the stores' tests: a place in each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from support.providers.stores import BuildkitePlace, GitlabPlace, StorePlace, VaultPlace

Make = Callable[..., StorePlace[Any]]
MAKES: dict[str, Make] = {
    "gitlab": GitlabPlace,
    "gitlab group": partial(GitlabPlace, owner="acme"),
    "gitlab scope": partial(GitlabPlace, scope="review/*"),
    "vault": VaultPlace,
    "buildkite": BuildkitePlace,
}


@pytest.fixture(params=MAKES.values(), ids=list(MAKES))
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def place(make: Make, opened: ExitStack) -> StorePlace[Any]:
    """A place that holds an older key."""
    return opened.enter_context(make())


@pytest.fixture
def new_place(make: Make, opened: ExitStack) -> StorePlace[Any]:
    """A place that is still to be made."""
    return opened.enter_context(make(new=True))


@pytest.fixture
def vault() -> Iterator[VaultPlace]:
    with VaultPlace() as place:
        yield place


@pytest.fixture
def new_vault() -> Iterator[VaultPlace]:
    with VaultPlace(new=True) as place:
        yield place
