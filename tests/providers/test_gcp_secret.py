"""Secrets of Google Cloud Secret Manager: new versions, with the identity of the job."""

from dataclasses import replace

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.harness import delivery
from providers.store_checks import not_delivered, refused
from signotaur_action.errors import DestinationRefusedError
from signotaur_action.model import Secret
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from signotaur_action.sinks.gcp_secret import crc32c
from support.providers.exchange import drop
from support.providers.google_cloud import ADD, PROJECT, PROVIDER, Caller
from support.providers.google_place import NAME, GcpSecretHarness
from support.providers.id_tokens import IdTokens, claims_of
from support.providers.stores import OLDER
from support.sample_key import KEY


@given(st.binary(max_size=300))
def test_the_checksum_is_googles(content: bytes) -> None:
    assert crc32c(content) == google_crc32c.value(content)


# What is written


def test_a_version_is_added_once(google: GcpSecretHarness) -> None:
    sink = google.sink()
    assert list(sink.check()) == []
    for _ in range(2):
        sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)
    assert [version.data.decode() for version in google.server.secrets[NAME]] == [OLDER, KEY]


def test_a_secret_without_a_version_gets_its_first(google: GcpSecretHarness) -> None:
    google.server.secrets[NAME].clear()
    sink = google.sink()
    assert list(sink.check()) == []
    assert sink.read_back() is None
    sink.deliver(delivery(KEY))
    assert google.read() == KEY


@pytest.mark.parametrize("state", ["DISABLED", "DESTROYED"])
def test_a_newest_version_that_cannot_be_used_is_replaced(
    google: GcpSecretHarness, state: str
) -> None:
    google.server.secrets[NAME][-1].state = state
    sink = google.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)


def test_a_caller_that_may_only_add_is_proved_by_the_version(google: GcpSecretHarness) -> None:
    google.server.callers[google.token] = Caller({ADD})
    sink = google.sink()
    [concern] = sink.check()
    assert "cannot be read; the delivery is verified by its version" in concern
    sink.deliver(delivery(KEY))
    assert sink.read_back() is None
    assert google.read() == KEY


def test_a_lost_answer_is_asked_for_again(google: GcpSecretHarness) -> None:
    google.server.faults.append(drop("POST", ":addVersion"))
    google.sink().deliver(delivery(KEY))
    assert google.read() == KEY


# What is refused


def test_a_caller_without_the_right_is_refused_before_anything_is_rotated(
    google: GcpSecretHarness,
) -> None:
    google.server.callers[google.token] = Caller()
    assert "the caller lacks secretmanager.versions.add" in refused(google).what


def test_a_secret_that_is_missing_is_refused(google: GcpSecretHarness) -> None:
    for text in (f"gcp-secret:{PROJECT}/other", f"gcp-secret:another-project/{NAME}"):
        assert "there is no such secret" in refused(google, google.sink(text)).what


def test_a_right_that_ended_since_the_check_delivers_nothing(google: GcpSecretHarness) -> None:
    sink = google.sink()
    sink.check()
    google.server.callers[google.token] = Caller()
    said = not_delivered(google, sink).what
    assert "403: PERMISSION_DENIED" in said
    assert "Secret Manager Secret Version Adder" in said


def test_an_unknown_token_is_refused(google: GcpSecretHarness) -> None:
    google.revoke()
    assert "refuses the token (401: UNAUTHENTICATED" in refused(google).what


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("gcp-secret:x/name", ": project: "),
        ("gcp-secret:../name", ": project: "),
        (f"gcp-secret:{PROJECT}", "after /"),
        (f"gcp-secret:{PROJECT}/a/b", "after /"),
        (f"gcp-secret:{PROJECT}/a:b", "after /"),
    ],
)
def test_a_place_that_cannot_be_is_a_fault(google: GcpSecretHarness, text: str, fault: str) -> None:
    with pytest.raises(SinkError, match=fault):
        google.sink(text)


def test_everything_missing_is_reported_at_once(google: GcpSecretHarness) -> None:
    with pytest.raises(SinkError) as caught:
        emitter("gcp-secret:!", replace(google.context(), environ={}))
    assert str(caught.value).count("gcp-secret: ") == 2
    assert ": project: " in str(caught.value)
    assert "CLOUDSDK_AUTH_ACCESS_TOKEN" in str(caught.value)


# Without a stored credential


def test_a_job_of_github_signs_in_with_its_id_token(
    google: GcpSecretHarness, google_issuer: IdTokens
) -> None:
    sink, masked = google.job_sink(**google_issuer.environ)
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert google.read() == KEY
    [token] = google_issuer.issued
    assert claims_of(token)["aud"] == f"https://iam.googleapis.com/{PROVIDER}"
    assert {token, *google.server.callers} - {google.token} == set(masked)


def test_a_job_of_gitlab_has_its_id_token_in_a_variable(
    google: GcpSecretHarness, google_issuer: IdTokens
) -> None:
    sink, _ = google.job_sink(
        GCP_ID_TOKEN=google_issuer.token(f"https://iam.googleapis.com/{PROVIDER}")
    )
    assert list(sink.check()) == []


def test_another_job_audience_or_account_is_refused(
    google: GcpSecretHarness, google_issuer: IdTokens
) -> None:
    sink, _ = google.job_sink(GCP_ID_TOKEN=google_issuer.token("https://other.example.com"))
    with pytest.raises(DestinationRefusedError, match="must be for the audience"):
        sink.check()
    assert google.server.requests == []
    google.server.may_impersonate = False
    sink, _ = google.job_sink(**google_issuer.environ)
    with pytest.raises(DestinationRefusedError, match='the role "Workload Identity User"'):
        sink.check()
    google_issuer.claims["sub"] = "repo:acme/other:environment:signing"
    sink, _ = google.job_sink(**google_issuer.environ)
    with pytest.raises(DestinationRefusedError, match="rejected by the attribute condition"):
        sink.check()
    assert google.read() == OLDER


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({}, "needs an ID token"),
        ({"GCP_WORKLOAD_IDENTITY_PROVIDER": "ci-pool"}, "must be projects/NUMBER"),
        ({"GCP_SERVICE_ACCOUNT": "rotation"}, "an address or empty"),
        ({"GCP_ID_TOKEN": "x", "CLOUDSDK_AUTH_ACCESS_TOKEN": "y"}, "are both set"),
    ],
)
def test_an_identity_that_cannot_be_is_a_fault(
    google: GcpSecretHarness, environ: dict[str, str], fault: str
) -> None:
    with pytest.raises(SinkError, match=f"gcp-secret: .*{fault}"):
        google.job_sink(**environ)
