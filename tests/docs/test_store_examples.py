"""The example on the page of a store is run as it is printed, over the store's stand-in."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs.other_ci import run, search_path
from docs.pages import BLOCKS
from docs.sites import CLIENT
from e2e.client_harness import Ledger
from support.keyserver import KeyServer
from support.providers.azure_devops import AzureDevopsHarness
from support.providers.bitbucket import BitbucketHarness
from support.providers.circleci import CircleciHarness
from support.providers.gitea import GiteaHarness
from support.providers.jenkins import JenkinsHarness
from support.providers.stores import OLDER, StoreHarness
from support.providers.teamcity import TeamcityHarness

EXAMPLES = [block["text"] for block in BLOCKS if block["mark"] == "store"]
PLACES: dict[str, Callable[[], StoreHarness[Any]]] = {
    "gitea-secret": GiteaHarness,
    "azure-devops-var": AzureDevopsHarness,
    "bitbucket-var": BitbucketHarness,
    "circleci-env": CircleciHarness,
    "teamcity-param": TeamcityHarness,
    "jenkins-credential": JenkinsHarness,
}


def kind_of(example: str) -> str:
    [kind] = re.findall(r"--emit-secret \"?([a-z-]+):", example)
    return str(kind)


def test_every_example_of_a_store_has_its_place() -> None:
    assert {kind_of(each) for each in EXAMPLES} == set(PLACES)


@pytest.mark.parametrize("example", EXAMPLES, ids=kind_of)
def test_the_example_stores_a_key_that_works(
    example: str, shared_server: KeyServer, fresh_name: str, tmp_path: Path
) -> None:
    (tmp_path / CLIENT.name).symlink_to(CLIENT)
    with PLACES[kind_of(example)]() as place:
        done = run(
            ["sh", "-euc", example],
            {
                "PATH": search_path(tmp_path),
                "HOME": str(tmp_path),
                "SIGNOTAUR_CA_FILE": str(shared_server.ca_file),
                "SIGNOTAUR_SERVER": shared_server.url,
                "SIGNOTAUR_API_KEY": Ledger(shared_server).add(fresh_name, days=10),
                **place.environ,
            },
            tmp_path,
        )
        assert done.code == 0, done.said
        assert place.read() != OLDER
        assert shared_server.accepts(place.read())
        assert place.read() not in done.said
