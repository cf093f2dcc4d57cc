"""Secrets of Gitea Actions: found by listing, never read back, described as before."""

from collections.abc import Iterator

import pytest

from contract.harness import delivery
from providers.store_checks import not_delivered, refused, written
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import fail
from support.providers.gitea import REPOSITORY, GiteaHarness, Token
from support.providers.stores import NAME, OLDER
from support.sample_key import KEY


@pytest.fixture
def gitea() -> Iterator[GiteaHarness]:
    with GiteaHarness() as place:
        yield place


@pytest.fixture
def new_gitea() -> Iterator[GiteaHarness]:
    with GiteaHarness(new=True) as place:
        yield place


# What is written


def test_the_description_stays(gitea: GiteaHarness) -> None:
    """Gitea empties it where a PUT does not send it."""
    gitea.sink().deliver(delivery(KEY))
    assert gitea.held()["description"] == "for signing"
    assert gitea.read() == KEY


def test_a_secret_without_a_description_gets_none(new_gitea: GiteaHarness) -> None:
    new_gitea.sink().deliver(delivery(KEY))
    [request] = new_gitea.server.calls("PUT")
    assert request.json == {"data": KEY}


def test_a_name_is_that_of_gitea_in_upper_case(gitea: GiteaHarness) -> None:
    sink = gitea.sink(f"gitea-secret:{REPOSITORY}/{NAME.lower()}")
    assert sink.name == gitea.sink().name
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert gitea.read() == KEY


@pytest.mark.parametrize("count", [49, 50, 51, 120])
def test_a_secret_is_found_however_many_there_are(new_gitea: GiteaHarness, count: int) -> None:
    secrets = new_gitea.server.secrets[REPOSITORY]
    for number in range(count):
        new_gitea.server.put(secrets, f"OTHER_{number}", {"data": OLDER})
    sink = new_gitea.sink()
    assert "does not exist yet" in sink.check()[0]
    new_gitea.put(OLDER)
    new_gitea.server.page = 7  # shorter pages than the client asks for
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert secrets["OTHER_0"]["data"] == OLDER


def test_an_accepted_key_that_the_list_does_not_show_is_reported(new_gitea: GiteaHarness) -> None:
    new_gitea.server.faults.append(fail("PUT", "", 201, body=b""))
    assert "does not show the secret" in not_delivered(new_gitea).what


@pytest.mark.parametrize("described", ["1e999", "[1]", '""', "null"])
def test_a_description_that_is_no_text_is_not_sent(gitea: GiteaHarness, described: str) -> None:
    body = f'[{{"name": "{NAME}", "description": {described}}}]'.encode()
    gitea.server.faults.append(fail("GET", "", 200, body=body, times=9))
    gitea.sink().deliver(delivery(KEY))
    [request] = gitea.server.calls("PUT")
    assert request.json == {"data": KEY}


# What is refused


def test_a_token_that_may_only_read_is_found_by_the_delivery(gitea: GiteaHarness) -> None:
    gitea.server.tokens[gitea.token] = Token(("read:repository",))
    sink = gitea.sink()
    assert list(sink.check()) == []
    said = not_delivered(gitea, sink).what
    assert "required scope(s): [write:repository]" in said
    assert "it needs the scope write:repository, of an owner of repository acme/app" in said


def test_a_token_of_another_category_is_refused(gitea: GiteaHarness) -> None:
    gitea.server.tokens[gitea.token] = Token(("write:organization",))
    assert "required scope(s): [read:repository]" in refused(gitea).what


def test_somebody_who_does_not_own_the_repository_is_refused(gitea: GiteaHarness) -> None:
    gitea.server.tokens[gitea.token] = Token(owner=False)
    assert "user should be the owner of the repo" in refused(gitea).what


@pytest.mark.parametrize("owner", ["acme/other", "other"])
def test_an_unknown_owner_is_refused(gitea: GiteaHarness, owner: str) -> None:
    said = refused(gitea, gitea.sink(f"gitea-secret:{owner}/{NAME}")).what
    assert "(404: The target couldn't be found)" in said
    assert owner in said


@pytest.mark.parametrize(
    "text",
    [
        NAME,
        f"/{NAME}",
        f"acme/app/more/{NAME}",
        f"../app/{NAME}",
        "acme/app/",
        "acme/app/ci",
        "acme/app/1A",
        "acme/app/GITEA_KEY",
        "acme/app/github_key",
        "acme/app/FORGEJO_KEY",
        "acme/app/A-B",
    ],
)
def test_a_place_that_cannot_be_is_a_fault(gitea: GiteaHarness, text: str) -> None:
    with pytest.raises(SinkError, match=r"gitea-secret: (needs|the value must be)"):
        gitea.sink(f"gitea-secret:{text}")
    assert written(gitea) == []


@pytest.mark.parametrize("end", ["/", "/api/v1", "/api/v1/"])
def test_the_address_may_end_with_the_version(gitea: GiteaHarness, end: str) -> None:
    assert list(gitea.sink(GITEA_SERVER_URL=gitea.server.url + end).check()) == []
