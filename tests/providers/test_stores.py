"""What the sinks of GitLab, Vault and Buildkite have in common."""

import json
from typing import Any

import pytest

from contract.harness import delivery
from providers.store_checks import not_delivered, refused
from signotaur_action.model import Secret
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from support.providers.stores import OLDER, StoreHarness
from support.sample_key import KEY

# What it does


def test_a_key_takes_the_older_ones_place_and_all_else_stays(place: StoreHarness[Any]) -> None:
    before = json.dumps(place.held())
    sink = place.sink()
    assert list(sink.check()) == []
    assert json.dumps(place.held()) == before
    sink.deliver(delivery(KEY))
    assert json.dumps(place.held()) == before.replace(OLDER, KEY)


def test_a_missing_location_is_reported_and_created(new_place: StoreHarness[Any]) -> None:
    sink = new_place.sink()
    [concern] = sink.check()
    assert concern.startswith(f"{sink.name} does not exist yet")
    assert new_place.held() is None
    sink.deliver(delivery(KEY))
    assert new_place.read() == KEY


def test_a_key_is_read_back_where_the_store_shows_it(place: StoreHarness[Any]) -> None:
    shown = [Secret(OLDER), Secret(KEY)] if place.readable else [None, None]
    sink = place.sink()
    assert sink.read_back() == shown[0]
    sink.deliver(delivery(KEY))
    assert sink.read_back() == shown[1]


def test_nothing_is_read_back_where_nothing_is(new_place: StoreHarness[Any]) -> None:
    assert new_place.sink().read_back() is None


def test_delivering_again_changes_nothing(place: StoreHarness[Any]) -> None:
    place.sink().deliver(delivery(KEY))
    once = place.held()
    place.sink().deliver(delivery(KEY))
    assert place.held() == once


def test_the_token_is_in_its_header_alone(place: StoreHarness[Any]) -> None:
    sink = place.sink()
    sink.check()
    sink.deliver(delivery(KEY))
    for request in place.server.requests:
        assert place.token not in request.path
        assert place.token.encode() not in request.body
        assert KEY not in request.path
        assert [place.header_token in text for text in request.headers.values()].count(True) == 1


# How it is written


def test_everything_missing_is_reported_at_once(place: StoreHarness[Any]) -> None:
    missing: dict[str, Any] = {place.token_variable: " ", place.address_variable: ""}
    nowhere = place.context(**missing)
    kind = place.text.partition(":")[0]
    with pytest.raises(SinkError) as caught:
        emitter(f"{kind}:!,colour=red", nowhere)
    assert place.token_variable in str(caught.value)
    assert str(caught.value).count(f"{kind}: ") == 2
    if kind == "vault":
        assert "VAULT_ADDR" in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "with\nline", "ünseen"])
def test_a_token_that_no_header_carries_is_a_fault(place: StoreHarness[Any], token: str) -> None:
    more: dict[str, Any] = {place.token_variable: token}
    with pytest.raises(SinkError) as caught:
        place.sink(**more)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://store.example.com", "store", "https://user@store", "https://store:x"]
)
def test_an_address_that_no_token_may_be_sent_to_is_a_fault(
    place: StoreHarness[Any], address: str
) -> None:
    more: dict[str, Any] = {place.address_variable: address}
    with pytest.raises(SinkError, match=place.address_variable):
        place.sink(**more)


@pytest.mark.parametrize("more", [",colour=red", ",scope=", ",cluster=", ",mount="])
def test_an_unknown_or_empty_setting_is_a_fault(place: StoreHarness[Any], more: str) -> None:
    with pytest.raises(SinkError):
        place.sink(place.text + more)


def test_the_name_says_where_and_stays(place: StoreHarness[Any]) -> None:
    sink = place.sink()
    before = sink.name
    sink.deliver(delivery(KEY))
    assert sink.name == place.sink().name == before


# Tokens


def test_an_unknown_token_is_refused(place: StoreHarness[Any]) -> None:
    place.revoke()
    assert "refuses the token" in refused(place).what


def test_a_token_that_was_revoked_since_the_check_delivers_nothing(
    place: StoreHarness[Any],
) -> None:
    sink = place.sink()
    sink.check()
    place.revoke()
    assert "refuses the token" in not_delivered(place).what
    place.grant()
    sink.deliver(delivery(KEY))
    assert place.read() == KEY
