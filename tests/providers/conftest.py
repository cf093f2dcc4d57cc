"""Fixtures of the stores' tests: a place in each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from support.providers.azure_devops import AzureDevopsHarness
from support.providers.bitbucket import BitbucketHarness
from support.providers.circleci import CircleciHarness
from support.providers.gitea import GiteaHarness
from support.providers.google_place import GcpSecretHarness
from support.providers.id_tokens import JOB, IdTokens
from support.providers.jenkins import JenkinsHarness
from support.providers.stores import (
    BuildkiteHarness,
    GitlabHarness,
    StoreHarness,
    VaultHarness,
)
from support.providers.teamcity import TeamcityHarness

Make = Callable[..., StoreHarness[Any]]
MAKES: dict[str, Make] = {
    "gitlab": GitlabHarness,
    "gitlab group": partial(GitlabHarness, owner="acme"),
    "gitlab scope": partial(GitlabHarness, scope="review/*"),
    "vault": VaultHarness,
    "buildkite": BuildkiteHarness,
    "gitea": GiteaHarness,
    "azure devops": AzureDevopsHarness,
    "bitbucket": BitbucketHarness,
    "circleci": CircleciHarness,
    "teamcity": TeamcityHarness,
    "jenkins": JenkinsHarness,
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
def place(make: Make, opened: ExitStack) -> StoreHarness[Any]:
    """A place that holds an older key."""
    return opened.enter_context(make())


@pytest.fixture
def new_place(make: Make, opened: ExitStack) -> StoreHarness[Any]:
    """A place that is still to be made."""
    return opened.enter_context(make(new=True))


@pytest.fixture
def vault() -> Iterator[VaultHarness]:
    with VaultHarness() as place:
        yield place


@pytest.fixture
def new_vault() -> Iterator[VaultHarness]:
    with VaultHarness(new=True) as place:
        yield place


@pytest.fixture
def google() -> Iterator[GcpSecretHarness]:
    """A place in Google Cloud that holds an older key."""
    with GcpSecretHarness() as place:
        yield place


@pytest.fixture
def google_issuer(google: GcpSecretHarness) -> Iterator[IdTokens]:
    """The issuer of a job's tokens that Google Cloud trusts."""
    google.server.subjects.add(JOB["sub"])
    with IdTokens() as issuer:
        yield issuer
