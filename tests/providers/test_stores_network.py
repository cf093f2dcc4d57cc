"""On the way to GitLab, Vault and Buildkite: limits, lost answers, redirects, authorities."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from contract.harness import delivery
from providers.store_checks import ALWAYS, not_delivered, refused, written
from signotaur_action.http import Answer, limit_pause
from signotaur_action.http.answer import retry_after, server_time
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import Call, Reply, drop, fail
from support.providers.stores import OLDER, WRITTEN, GitlabHarness, StoreHarness
from support.sample_key import KEY
from support.tls import Authority, Certificate

Make = Callable[..., StoreHarness[Any]]
WRITES = ("PUT", "POST")


# Rate limits


@pytest.mark.parametrize("seconds", [1, 45])
def test_a_rate_limit_is_waited_for(place: StoreHarness[Any], seconds: int) -> None:
    sink = place.sink(seconds=150)
    place.server.throttle(seconds)
    sink.check()
    place.server.throttle(seconds)
    sink.deliver(delivery(KEY))
    assert place.read() == KEY
    assert 2 * seconds <= sum(place.clock.slept) < 2 * seconds + 10


def test_a_write_that_is_limited_comes_again(place: StoreHarness[Any]) -> None:
    place.server.faults += [fail(method, WRITTEN, 429, body=b"Retry later") for method in WRITES]
    place.sink(seconds=150).deliver(delivery(KEY))
    assert place.read() == KEY
    assert place.clock.slept == [10.0]


def test_a_rate_limit_that_is_too_long_is_reported(place: StoreHarness[Any]) -> None:
    place.server.throttle(3600, times=ALWAYS)
    assert "rate limit lasts until 20" in refused(place).what
    place.clock.sleep(3600)
    assert "rate limit lasts until 20" in not_delivered(place).what
    assert place.clock.slept == [3600]
    assert written(place) == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit-Reset": "30"}, 31),
        ({"RateLimit-Reset": "30", "Retry-After": "20"}, 20),
        ({"RateLimit-Reset": "0"}, 1),
        ({"Retry-After": "0"}, 1),
        (
            {
                "Retry-After": "Thu, 01 Jan 2026 00:00:40 GMT",
                "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
            },
            40,
        ),
        ({"RateLimit-Reset": "soon"}, 10),
        ({"RateLimit-Reset": "1"}, 2),
        ({"RateLimit-Reset": "1767225630", "Date": "Thu, 01 Jan 2026 00:00:00 GMT"}, 31),
        ({"RateLimit-Reset": "9999999999999"}, 10),
    ],
)
def test_every_way_to_name_the_end_of_a_limit_is_read(
    headers: dict[str, str], seconds: float
) -> None:
    """Buildkite tells seconds, GitLab a Unix time, both Retry-After or nothing."""
    named = CaseInsensitiveDict(headers)
    when = server_time(named, datetime.now(UTC))
    for status, pause in ((429, seconds), (503, None)):
        answer = Answer(status, None, retry_after(named, when), named, when)
        assert limit_pause(answer) == pause


# The way there and back


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_an_answer_that_was_lost_costs_nothing(place: StoreHarness[Any], method: str) -> None:
    place.server.faults.append(drop(method, "", after=True))
    before = json.dumps(place.held())
    place.sink().deliver(delivery(KEY))
    assert json.dumps(place.held()) == before.replace(OLDER, KEY)


def test_a_lost_answer_to_the_making_costs_nothing(new_place: StoreHarness[Any]) -> None:
    new_place.server.faults.append(drop("POST", "", after=True))
    new_place.sink().deliver(delivery(KEY))
    assert new_place.read() == KEY


def test_a_store_that_hangs_up_is_a_failure(place: StoreHarness[Any]) -> None:
    place.server.faults.append(drop("", "", times=ALWAYS))
    refused(place, seconds=0.5)
    not_delivered(place, seconds=0.5)


def test_a_server_error_that_passes_is_waited_for(place: StoreHarness[Any]) -> None:
    place.server.faults += [
        fail(method, "", status, times=2)
        for method, status in (("GET", 502), ("PUT", 503), ("POST", 500))
    ]
    place.sink().deliver(delivery(KEY))
    assert place.read() == KEY
    assert place.clock.slept


def test_a_server_error_that_stays_is_reported(place: StoreHarness[Any]) -> None:
    place.server.faults.append(fail("", "", 500, times=ALWAYS))
    assert "answered 500" in refused(place).what
    assert "answered 500" in not_delivered(place).what
    assert place.clock.slept


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [b"<html>hello", b"", b"[", b"[1]", b"3", b'{"data": 3}', b"null"])
def test_an_unrelated_answer_is_not_a_success(
    place: StoreHarness[Any], status: int, body: bytes
) -> None:
    place.server.faults.append(fail("GET", "", status, body=body, times=ALWAYS))
    not_delivered(place)


@pytest.mark.parametrize("body", [b"<html>hello", b"", b"[1]", b"{}", b"null"])
def test_a_write_without_effect_is_not_a_success(place: StoreHarness[Any], body: bytes) -> None:
    """As by a proxy that answers 200 to everything."""
    place.server.faults += [
        fail(method, WRITTEN, 200, body=body, times=ALWAYS) for method in WRITES
    ]
    not_delivered(place)


def test_a_redirect_is_not_followed(place: StoreHarness[Any], opened: ExitStack) -> None:
    elsewhere = opened.enter_context(GitlabHarness())
    headers = {"Location": elsewhere.server.url + "/elsewhere"}
    place.server.faults.append(fail("", "", 307, headers=headers, times=ALWAYS))
    assert "redirect (307)" in refused(place).what
    assert "redirect (307)" in not_delivered(place).what
    assert elsewhere.server.requests == []


def test_a_refusal_that_repeats_the_request_shows_nothing_of_it(place: StoreHarness[Any]) -> None:
    def repeat(call: Call) -> Reply | None:
        if KEY.encode() not in call.body:
            return None
        told = f"no: {call.body.decode()} {call.headers}"
        return Reply(400, {"message": told, "errors": [told]})

    place.server.faults.append(repeat)
    assert "400" in not_delivered(place).what
    assert written(place)


def test_a_refusal_to_make_the_place_shows_no_key(new_place: StoreHarness[Any]) -> None:
    """A key of the vendor, of which no error knows the form."""
    key = "vend+AbCdEfGhIjKl/MnOpQrStUvWxYz+0123456789=="

    def repeat(call: Call) -> Reply | None:
        if key.encode() not in call.body:
            return None
        told = json.dumps(f"no: {key}")[1:-1]
        return Reply(400, json.dumps(dict(new_place.refusal)).replace("not now", told).encode())

    new_place.server.faults.append(repeat)
    assert "400" in not_delivered(new_place, key=key).what


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.issue()


@pytest.fixture
def certified(make: Make, certificate: Certificate, opened: ExitStack) -> StoreHarness[Any]:
    """A place behind TLS with a private authority."""
    return opened.enter_context(make(tls=certificate))


def test_a_private_authority_is_not_trusted_unasked(certified: StoreHarness[Any]) -> None:
    assert "certificate" in refused(certified).what
    assert "certificate" in not_delivered(certified).what
    assert certified.server.requests == []


def test_a_private_authority_may_be_given_by_option(
    certified: StoreHarness[Any], authority: Authority
) -> None:
    sink = emitter(certified.text, certified.context(ca_file=authority.ca_file))
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert certified.read() == KEY


def test_a_private_authority_may_be_given_in_the_stores_own_variable(
    certified: StoreHarness[Any], authority: Authority, tmp_path: Path
) -> None:
    if not certified.authorities_variable:
        return
    more: dict[str, Any] = {certified.authorities_variable: str(authority.ca_file)}
    sink = certified.sink(**more)
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert certified.read() == KEY
    more[certified.authorities_variable] = str(tmp_path / "nothing")
    with pytest.raises(SinkError, match=certified.authorities_variable):
        certified.sink(**more)
