"""Secured variables of Bitbucket Pipelines: found by listing, never read back."""

from collections.abc import Iterator
from typing import Any

import pytest

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused, written
from signotaur_action.errors import DeliveryError
from signotaur_action.sinks.base import SinkError
from support.providers.bitbucket import (
    DEPLOYMENT,
    REPOSITORY,
    WORKSPACE,
    BitbucketHarness,
    Token,
)
from support.providers.exchange import after, before, fail
from support.providers.stores import NAME, OLDER
from support.sample_key import KEY

OWNERS = (REPOSITORY, f"{REPOSITORY}:{DEPLOYMENT}", WORKSPACE)


@pytest.fixture(params=OWNERS, ids=["repository", "deployment", "workspace"])
def owned(request: pytest.FixtureRequest) -> Iterator[BitbucketHarness]:
    with BitbucketHarness(owner=request.param) as place:
        yield place


@pytest.fixture
def bitbucket() -> Iterator[BitbucketHarness]:
    with BitbucketHarness() as place:
        yield place


@pytest.fixture
def new_bitbucket() -> Iterator[BitbucketHarness]:
    with BitbucketHarness(new=True) as place:
        yield place


# What is written


def test_every_owner_has_variables_of_its_own(owned: BitbucketHarness) -> None:
    for owner in OWNERS:
        if owner != owned.owner:
            owned.server.add(owner, NAME, OLDER)
    sink = owned.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    values = {owner: (owned.server.variable(owner, NAME) or {})["value"] for owner in OWNERS}
    assert values == {owner: KEY if owner == owned.owner else OLDER for owner in OWNERS}


def test_a_new_variable_is_secured(new_bitbucket: BitbucketHarness) -> None:
    sink = new_bitbucket.sink()
    [concern] = sink.check()
    assert concern.endswith("does not exist yet; it will be created as a secured variable.")
    sink.deliver(delivery(KEY))
    assert new_bitbucket.held()["secured"] is True
    assert new_bitbucket.read() == KEY


def test_a_variable_that_everybody_sees_becomes_secured(new_bitbucket: BitbucketHarness) -> None:
    new_bitbucket.server.add(REPOSITORY, NAME, "visible", secured=False)
    sink = new_bitbucket.sink()
    assert list(sink.check()) == [f"{sink.name} is not secured; it will be."]
    sink.deliver(delivery(KEY))
    assert new_bitbucket.held()["secured"] is True


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_a_variable_is_found_however_many_there_are(
    new_bitbucket: BitbucketHarness, count: int
) -> None:
    for number in range(count):
        new_bitbucket.server.add(REPOSITORY, f"OTHER_{number}", OLDER)
    sink = new_bitbucket.sink()
    assert "does not exist yet" in sink.check()[0]
    new_bitbucket.put(OLDER)
    new_bitbucket.server.page = 30  # shorter pages than the client asks for
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert written(new_bitbucket) == ["PUT"]


def test_a_deployment_is_found_by_its_short_name(bitbucket: BitbucketHarness) -> None:
    owner = f"{REPOSITORY}:{DEPLOYMENT}"
    sink = bitbucket.sink(f"bitbucket-var:{NAME},repo={REPOSITORY},deployment=production-eu")
    sink.deliver(delivery(KEY))
    assert (bitbucket.server.variable(owner, NAME) or {})["value"] == KEY


# What others do meanwhile


def test_a_variable_that_is_made_meanwhile_is_changed(new_bitbucket: BitbucketHarness) -> None:
    new_bitbucket.server.faults.append(before("POST", "", lambda: new_bitbucket.put(OLDER)))
    new_bitbucket.sink().deliver(delivery(KEY))
    assert len(new_bitbucket.server.variables[REPOSITORY]) == 1
    assert new_bitbucket.read() == KEY


def test_a_variable_that_is_removed_meanwhile_is_made_again(bitbucket: BitbucketHarness) -> None:
    variables = bitbucket.server.variables[REPOSITORY]
    bitbucket.server.faults.append(before("PUT", "", variables.clear))
    bitbucket.sink().deliver(delivery(KEY))
    assert bitbucket.read() == KEY


def test_a_variable_that_is_shown_to_everybody_afterwards_is_reported(
    bitbucket: BitbucketHarness,
) -> None:
    def expose() -> None:
        bitbucket.server.variables[REPOSITORY][0]["secured"] = False

    bitbucket.server.faults.append(after("PUT", "", expose))
    said = ": Bitbucket accepted the key, but does not show the variable as secured"
    with pytest.raises(DeliveryError, match=said) as caught:
        bitbucket.sink().deliver(delivery(KEY))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("said", [{"key": "OTHER"}, {"secured": False}, {"secured": None}])
def test_an_answer_about_another_variable_is_reported(
    bitbucket: BitbucketHarness, said: dict[str, Any]
) -> None:
    body = bitbucket.held() | said
    bitbucket.server.faults.append(fail("PUT", "", 200, body=body))
    expected = ": Bitbucket answered, but does not say that the variable changed."
    assert not_delivered(bitbucket).what.endswith(expected)


@pytest.mark.parametrize("identity", ["../..", "{..}", 3, None])
def test_invalid_ids_never_enter_a_url_path(bitbucket: BitbucketHarness, identity: Any) -> None:
    body = {"values": [{"uuid": identity, "key": NAME, "secured": True}]}
    bitbucket.server.faults.append(fail("GET", "", 200, body=body, times=ALWAYS))
    assert not_delivered(bitbucket).what.endswith(": Bitbucket returned no id.")
    assert written(bitbucket) == []


# What is refused


@pytest.mark.parametrize(
    ("path", "listed"),
    [("/environments[?]", "the deployment environments"), ("/variables[?]", "the variables")],
)
@pytest.mark.parametrize("body", [{"values": 3}, {"values": ["x"]}, {}, []])
def test_a_list_of_another_form_is_refused(path: str, listed: str, body: Any) -> None:
    with BitbucketHarness(owner=f"{REPOSITORY}:{DEPLOYMENT}") as place:
        place.server.faults.append(fail("GET", path, 200, body=body, times=ALWAYS))
        assert refused(place).what.endswith(f": the store does not list {listed}.")
        assert not_delivered(place).what.endswith(f": the store does not list {listed}.")


@pytest.mark.parametrize("body", [{"error": {}}, {"error": "x"}, [], b"<html>"])
def test_a_refusal_of_another_form_is_reported(bitbucket: BitbucketHarness, body: Any) -> None:
    bitbucket.server.faults.append(fail("", "", 403, body=body, times=ALWAYS))
    assert "403: it gave no reason" in refused(bitbucket).what


def test_a_missing_right_to_write_is_found_by_the_delivery(owned: BitbucketHarness) -> None:
    owned.server.tokens[owned.token] = Token(write=False)
    sink = owned.sink()
    assert list(sink.check()) == []
    said = not_delivered(owned, sink).what
    assert "403: Your credentials lack one or more required privilege scopes" in said
    assert "it needs the permission Pipelines: Edit variables, for " in said


def test_a_token_that_may_not_read_variables_is_refused(owned: BitbucketHarness) -> None:
    owned.server.tokens[owned.token] = Token(read=False)
    assert "refuses the token (403" in refused(owned).what


@pytest.mark.parametrize("where", ["repo=acme/other", "workspace=other"])
def test_another_owner_is_refused(bitbucket: BitbucketHarness, where: str) -> None:
    sink = bitbucket.sink(f"bitbucket-var:{NAME},{where}")
    assert "refuses the token (404" in refused(bitbucket, sink).what


def test_a_deployment_that_does_not_exist_is_refused(bitbucket: BitbucketHarness) -> None:
    sink = bitbucket.sink(f"bitbucket-var:{NAME},repo={REPOSITORY},deployment=Staging")
    assert "no deployment environment of this name" in refused(bitbucket, sink).what


# Where


def test_a_pipeline_tells_the_repository(bitbucket: BitbucketHarness) -> None:
    sink = bitbucket.sink(f"bitbucket-var:{NAME}", BITBUCKET_REPO_FULL_NAME=REPOSITORY)
    assert sink.name == bitbucket.sink().name
    assert list(sink.check()) == []


def test_the_usual_address_is_bitbuckets(bitbucket: BitbucketHarness) -> None:
    sink = bitbucket.sink(BITBUCKET_API_URL="")
    url = sink._bitbucket._client.url  # type: ignore[attr-defined]
    assert url == "https://api.bitbucket.org/2.0"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (NAME, "needs repo= or workspace="),
        (f"{NAME},repo=app", "WORKSPACE/REPOSITORY"),
        (f"{NAME},repo=../app", "WORKSPACE/REPOSITORY"),
        (f"{NAME},workspace=a/b", "workspace="),
        (f"{NAME},workspace=acme,repo=acme/app", "cannot be used with repo= or deployment="),
        (f"{NAME},workspace=acme,deployment=a", "cannot be used with repo= or deployment="),
        (f"2A,repo={REPOSITORY}", "does not begin with a digit"),
        (f"A-B,repo={REPOSITORY}", "does not begin with a digit"),
    ],
)
def test_a_place_that_cannot_be_is_a_fault(
    bitbucket: BitbucketHarness, text: str, fault: str
) -> None:
    with pytest.raises(SinkError, match=fault):
        bitbucket.sink(f"bitbucket-var:{text}")
