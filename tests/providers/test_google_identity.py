"""The sign-in at Google Cloud without a stored credential, before Secret Manager."""

from collections.abc import Iterator

import pytest

from contract.harness import delivery
from providers.store_checks import KEY, not_delivered, refused
from providers.test_gcp_secret import of_the_job
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import Call, Reply, drop, fail
from support.providers.google_place import GcpSecretHarness
from support.providers.id_tokens import JOB, IdTokens

EXCHANGE, IMPERSONATION = "/v1/token", ":generateAccessToken"
CALLS = pytest.mark.parametrize("call", [EXCHANGE, IMPERSONATION])


@pytest.fixture
def place() -> Iterator[GcpSecretHarness]:
    with GcpSecretHarness() as place:
        yield place


@pytest.fixture
def issuer(place: GcpSecretHarness) -> Iterator[IdTokens]:
    place.server.subjects.add(JOB["sub"])
    with IdTokens() as issuer:
        yield issuer


@CALLS
def test_a_lost_answer_is_asked_for_again(
    place: GcpSecretHarness, issuer: IdTokens, call: str
) -> None:
    place.server.faults.append(drop("POST", call, after=True))
    sink, _ = of_the_job(place, **issuer.environ)
    assert list(sink.check()) == []


@CALLS
def test_an_answer_without_a_token_is_refused(
    place: GcpSecretHarness, issuer: IdTokens, call: str
) -> None:
    place.server.faults.append(fail("POST", call, 200, body={"token_type": "Bearer"}))
    sink, masked = of_the_job(place, **issuer.environ)
    assert "Google Cloud returned no token" in refused(place, sink).what
    assert len(masked) == 1 + (call == IMPERSONATION)


@CALLS
def test_a_refusal_never_repeats_a_token(
    place: GcpSecretHarness, issuer: IdTokens, call: str
) -> None:
    sink, masked = of_the_job(place, **issuer.environ)

    def repeat(asked: Call) -> Reply | None:
        told = f"no: {masked[-1]}"
        error = {"error": {"status": "DENIED", "message": told}}
        return Reply(403, error) if call in asked.path else None

    place.server.faults.append(repeat)
    assert "refuses the token (403: DENIED: no: ***)" in refused(place, sink).what


@CALLS
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]"])
def test_a_refusal_that_says_nothing_is_reported(
    place: GcpSecretHarness, issuer: IdTokens, call: str, body: bytes
) -> None:
    place.server.faults.append(fail("POST", call, 400, body=body))
    sink, _ = of_the_job(place, **issuer.environ)
    assert "Google Cloud refuses the token (400: it gave no reason)" in refused(place, sink).what


def test_a_refused_exchange_is_named(place: GcpSecretHarness, issuer: IdTokens) -> None:
    place.server.subjects.clear()
    sink, _ = of_the_job(place, **issuer.environ)
    assert "(401: unauthorized_client: The given credential" in refused(place, sink).what


@pytest.mark.parametrize("service", ["STS", "IAMCREDENTIALS"])
def test_an_address_that_no_token_may_be_sent_to_is_a_fault(
    place: GcpSecretHarness, issuer: IdTokens, service: str
) -> None:
    variable = f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}"
    with pytest.raises(SinkError, match=f"gcp-secret: {variable}: "):
        of_the_job(place, **issuer.environ, **{variable: "http://google.example.com"})
    assert of_the_job(place, **issuer.environ, **{variable: ""})[0].name == place.sink().name


def test_a_version_that_nobody_checked_is_no_delivery(place: GcpSecretHarness) -> None:
    for body, fault in (
        ({"name": "projects/1/secrets/x/versions/2"}, "did not check what arrived"),
        ({"clientSpecifiedPayloadChecksum": True}, "did not return the version"),
    ):
        place.server.faults.append(fail("POST", ":addVersion", 200, body=body))
        assert fault in not_delivered(place).what
    place.sink().deliver(delivery(KEY))
    assert place.read() == KEY


@pytest.mark.parametrize("data", ["a2V5!", "/w==", ""])
def test_a_version_that_is_no_text_is_not_a_key(place: GcpSecretHarness, data: str) -> None:
    place.server.faults.append(fail("GET", ":access", 200, body={"payload": {"data": data}}))
    assert place.sink().read_back() is None


@pytest.mark.parametrize("payload", ["text", [1], None])
def test_an_answer_of_another_form_is_not_a_key(place: GcpSecretHarness, payload: object) -> None:
    place.server.faults.append(fail("GET", ":access", 200, body={"payload": payload}))
    assert place.sink().read_back() is None


def test_google_is_where_it_is(place: GcpSecretHarness) -> None:
    variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
    assert place.sink(**{variable: ""}).name == place.sink().name
