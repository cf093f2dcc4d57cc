"""The sign-in at Google Cloud without a stored credential, before Secret Manager."""

import pytest

from contract.harness import delivery
from providers.store_checks import not_delivered, refused
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import Call, Reply, drop, fail
from support.providers.google_place import GcpSecretHarness
from support.providers.id_tokens import IdTokens
from support.sample_key import KEY

EXCHANGE, IMPERSONATION = "/v1/token", ":generateAccessToken"
CALLS = pytest.mark.parametrize("call", [EXCHANGE, IMPERSONATION])


@CALLS
def test_a_lost_answer_is_asked_for_again(
    google: GcpSecretHarness, google_issuer: IdTokens, call: str
) -> None:
    google.server.faults.append(drop("POST", call, after=True))
    sink, _ = google.job_sink(**google_issuer.environ)
    assert list(sink.check()) == []


@CALLS
def test_an_answer_without_a_token_is_refused(
    google: GcpSecretHarness, google_issuer: IdTokens, call: str
) -> None:
    google.server.faults.append(fail("POST", call, 200, body={"token_type": "Bearer"}))
    sink, masked = google.job_sink(**google_issuer.environ)
    assert "Google Cloud returned no token" in refused(google, sink).what
    assert len(masked) == 1 + (call == IMPERSONATION)


@CALLS
def test_a_refusal_never_repeats_a_token(
    google: GcpSecretHarness, google_issuer: IdTokens, call: str
) -> None:
    sink, masked = google.job_sink(**google_issuer.environ)

    def repeat(asked: Call) -> Reply | None:
        told = f"no: {masked[-1]}"
        error = {"error": {"status": "DENIED", "message": told}}
        return Reply(403, error) if call in asked.path else None

    google.server.faults.append(repeat)
    assert "refuses the token (403: DENIED: no: ***)" in refused(google, sink).what


@CALLS
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]"])
def test_a_refusal_that_says_nothing_is_reported(
    google: GcpSecretHarness, google_issuer: IdTokens, call: str, body: bytes
) -> None:
    google.server.faults.append(fail("POST", call, 400, body=body))
    sink, _ = google.job_sink(**google_issuer.environ)
    assert "Google Cloud refuses the token (400: it gave no reason)" in refused(google, sink).what


def test_a_refused_exchange_is_named(google: GcpSecretHarness, google_issuer: IdTokens) -> None:
    google.server.subjects.clear()
    sink, _ = google.job_sink(**google_issuer.environ)
    assert "(401: unauthorized_client: The given credential" in refused(google, sink).what


@pytest.mark.parametrize("service", ["STS", "IAMCREDENTIALS"])
def test_an_address_that_no_token_may_be_sent_to_is_a_fault(
    google: GcpSecretHarness, google_issuer: IdTokens, service: str
) -> None:
    variable = f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}"
    with pytest.raises(SinkError, match=f"gcp-secret: {variable}: "):
        google.job_sink(**google_issuer.environ, **{variable: "http://google.example.com"})
    assert google.job_sink(**google_issuer.environ, **{variable: ""})[0].name == google.sink().name


def test_a_version_that_nobody_checked_is_no_delivery(google: GcpSecretHarness) -> None:
    for body, fault in (
        ({"name": "projects/1/secrets/x/versions/2"}, "did not check what arrived"),
        ({"clientSpecifiedPayloadChecksum": True}, "did not return the version"),
    ):
        google.server.faults.append(fail("POST", ":addVersion", 200, body=body))
        assert fault in not_delivered(google).what
    google.sink().deliver(delivery(KEY))
    assert google.read() == KEY


@pytest.mark.parametrize("data", ["a2V5!", "/w==", ""])
def test_a_version_that_is_no_text_is_not_a_key(google: GcpSecretHarness, data: str) -> None:
    google.server.faults.append(fail("GET", ":access", 200, body={"payload": {"data": data}}))
    assert google.sink().read_back() is None


@pytest.mark.parametrize("payload", ["text", [1], None])
def test_an_answer_of_another_form_is_not_a_key(google: GcpSecretHarness, payload: object) -> None:
    google.server.faults.append(fail("GET", ":access", 200, body={"payload": payload}))
    assert google.sink().read_back() is None


def test_google_is_where_it_is(google: GcpSecretHarness) -> None:
    variable = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
    assert google.sink(**{variable: ""}).name == google.sink().name
