"""The ID token of a job: how it is got, and what is checked of it before anybody gets it."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from signotaur_action.http import StoreAccess, TimeBudget
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_action.sinks.sign_in.id_token import (
    ask_github,
    can_ask_github,
    id_token_source,
    require_audience,
    token_in,
)
from support.clock import VirtualClock
from support.providers.exchange import drop, fail
from support.providers.id_tokens import IdTokens, claims_of

AUDIENCE = "api://AzureADTokenExchange"


@pytest.fixture
def issuer() -> Iterator[IdTokens]:
    with IdTokens() as issuer:
        yield issuer


def context(environ: Mapping[str, str], masked: list[str] | None = None) -> SinkContext:
    clock = VirtualClock()
    limit = TimeBudget(20, "the patience of a test", clock)
    kept = [] if masked is None else masked
    return SinkContext(
        lambda _text: None,
        environ,
        store_access=StoreAccess(environ, clock, budget=limit),
        mask_token=lambda token: kept.append(token.reveal()),
    )


def made_of(*parts: str) -> Secret:
    encoded = (base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
    return Secret(".".join(encoded))


# GitHub


def test_both_variables_are_needed_to_ask_github(issuer: IdTokens) -> None:
    assert can_ask_github(context(issuer.environ))
    for name in issuer.environ:
        assert not can_ask_github(context({**issuer.environ, name: ""}))


def test_what_github_gives_is_masked_and_for_the_audience(issuer: IdTokens) -> None:
    masked: list[str] = []
    token = ask_github(context(issuer.environ, masked), AUDIENCE)
    assert masked == [token.reveal()] == issuer.issued
    assert claims_of(token.reveal())["aud"] == AUDIENCE


def test_a_lost_answer_is_asked_for_again(issuer: IdTokens) -> None:
    issuer.faults.append(drop("GET", "", after=True))
    assert ask_github(context(issuer.environ), AUDIENCE).reveal() == issuer.issued[-1]


@pytest.mark.parametrize(("status", "body"), [(403, {"value": "a.b.c"}), (200, {"count": 1})])
def test_an_answer_without_a_token_is_refused(
    issuer: IdTokens, status: int, body: dict[str, object]
) -> None:
    masked: list[str] = []
    issuer.faults.append(fail("GET", "", status, body=body))
    with pytest.raises(StoreRefusedError, match=rf"gave this job no ID token \({status}\)"):
        ask_github(context(issuer.environ, masked), AUDIENCE)
    assert masked == []


def test_the_request_token_is_sent_over_tls_alone(issuer: IdTokens) -> None:
    url = {"ACTIONS_ID_TOKEN_REQUEST_URL": "http://github.example.com/idtoken"}
    with pytest.raises(StoreRefusedError, match="ACTIONS_ID_TOKEN_REQUEST_URL: "):
        ask_github(context(issuer.environ | url), AUDIENCE)


# Where a token comes from


def test_a_variable_goes_before_github(issuer: IdTokens) -> None:
    given = issuer.token(AUDIENCE)
    source = id_token_source(
        "store", context({**issuer.environ, "TOKEN": given}), "TOKEN", AUDIENCE
    )
    assert source() == Secret(given)
    assert issuer.issued == []


def test_a_job_with_neither_is_a_fault() -> None:
    with pytest.raises(SinkError, match=r"^store: needs an ID token: .* set TOKEN by id_tokens:"):
        id_token_source("store", context({}), "TOKEN", AUDIENCE)


def test_a_file_has_one_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with pytest.raises(StoreRefusedError, match=r"token cannot be read \(no such file"):
        token_in(file)
    file.write_text("a.b.c\n")
    assert token_in(file) == Secret("a.b.c")
    file.write_bytes("a.b.\u00e9".encode())
    with pytest.raises(StoreRefusedError, match="token is not a token"):
        token_in(file)


# The audience


@pytest.mark.parametrize("padding", ["", "x", "xx", "xxx"])
@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE]])
def test_the_audience_alone_is_accepted(audience: object, padding: str) -> None:
    require_audience(made_of("{}", json.dumps({"aud": audience, "x": padding}), "s"), AUDIENCE)


@pytest.mark.parametrize("audience", ["", "other", [AUDIENCE, "other"], [], None])
def test_another_audience_is_refused(audience: object) -> None:
    token = made_of("{}", json.dumps({"aud": audience}), "s")
    with pytest.raises(StoreRefusedError, match=f"must be for the audience {AUDIENCE} alone"):
        require_audience(token, AUDIENCE)


PAYLOAD = json.dumps({"aud": AUDIENCE})


@pytest.mark.parametrize(
    "token",
    [
        made_of("{}", PAYLOAD),
        made_of("{}", PAYLOAD, "s", "more"),
        made_of("{}", "[1]", "s"),
        made_of("{}", "null", "s"),
        made_of("{}", "[" * 100_000, "s"),
        made_of("{}", "", "s"),
        Secret("a.b.c"),
        Secret("no token"),
    ],
    ids=["two parts", "four parts", "list", "null", "deep", "empty", "no JSON", "no parts"],
)
def test_what_is_no_token_is_refused(token: Secret) -> None:
    with pytest.raises(StoreRefusedError, match="is not a JSON Web Token"):
        require_audience(token, AUDIENCE)
