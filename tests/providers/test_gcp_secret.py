"""Secrets of Google Cloud Secret Manager: new versions, with the identity of the job."""

from collections.abc import Iterator
from dataclasses import replace

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.harness import delivery
from providers.store_checks import KEY, not_delivered, refused
from signotaur_action.errors import DestinationRefusedError
from signotaur_action.model import Secret
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from signotaur_action.sinks.gcp_secret import crc32c
from support.providers.exchange import drop
from support.providers.google_cloud import ACCOUNT, ADD, PROJECT, PROVIDER, Caller
from support.providers.google_place import NAME, GcpSecretHarness
from support.providers.id_tokens import JOB, IdTokens, claims_of
from support.providers.stores import OLDER


@pytest.fixture
def place() -> Iterator[GcpSecretHarness]:
    with GcpSecretHarness() as place:
        yield place


@pytest.fixture
def issuer(place: GcpSecretHarness) -> Iterator[IdTokens]:
    place.server.subjects.add(JOB["sub"])
    with IdTokens() as issuer:
        yield issuer


def of_the_job(place: GcpSecretHarness, **environ: str) -> tuple[Sink, list[str]]:
    """Return the sink of a job without a token, and what it masks."""
    masked: list[str] = []
    given_ = {"CLOUDSDK_AUTH_ACCESS_TOKEN": "", "GCP_WORKLOAD_IDENTITY_PROVIDER": PROVIDER}
    variables = {**place.environ, **given_, "GCP_SERVICE_ACCOUNT": ACCOUNT, **environ}
    context = replace(
        place.context(),
        environ={name: text for name, text in variables.items() if text},
        mask_token=lambda secret: masked.append(secret.reveal()),
    )
    return emitter(place.text, context), masked


@given(st.binary(max_size=300))
def test_the_checksum_is_googles(content: bytes) -> None:
    assert crc32c(content) == google_crc32c.value(content)


# What is written


def test_a_version_is_added_once(place: GcpSecretHarness) -> None:
    sink = place.sink()
    assert list(sink.check()) == []
    for _ in range(2):
        sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)
    assert [version.data.decode() for version in place.server.secrets[NAME]] == [OLDER, KEY]


def test_a_secret_without_a_version_gets_its_first(place: GcpSecretHarness) -> None:
    place.server.secrets[NAME].clear()
    sink = place.sink()
    assert list(sink.check()) == []
    assert sink.read_back() is None
    sink.deliver(delivery(KEY))
    assert place.read() == KEY


@pytest.mark.parametrize("state", ["DISABLED", "DESTROYED"])
def test_a_newest_version_that_cannot_be_used_is_replaced(
    place: GcpSecretHarness, state: str
) -> None:
    place.server.secrets[NAME][-1].state = state
    sink = place.sink()
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)


def test_a_caller_that_may_only_add_is_proved_by_the_version(place: GcpSecretHarness) -> None:
    place.server.callers[place.token] = Caller({ADD})
    sink = place.sink()
    [concern] = sink.check()
    assert "may not be read; its version will verify the delivery" in concern
    sink.deliver(delivery(KEY))
    assert sink.read_back() is None
    assert place.read() == KEY


def test_a_lost_answer_is_asked_for_again(place: GcpSecretHarness) -> None:
    place.server.faults.append(drop("POST", ":addVersion"))
    place.sink().deliver(delivery(KEY))
    assert place.read() == KEY


# What is refused


def test_a_caller_without_the_right_is_refused_before_anything_is_rotated(
    place: GcpSecretHarness,
) -> None:
    place.server.callers[place.token] = Caller()
    assert "the caller lacks secretmanager.versions.add" in refused(place).what


def test_a_secret_that_is_missing_is_refused(place: GcpSecretHarness) -> None:
    for text in (f"gcp-secret:{PROJECT}/other", f"gcp-secret:another-project/{NAME}"):
        assert "there is no such secret" in refused(place, place.sink(text)).what


def test_a_right_that_ended_since_the_check_delivers_nothing(place: GcpSecretHarness) -> None:
    sink = place.sink()
    sink.check()
    place.server.callers[place.token] = Caller()
    said = not_delivered(place, sink).what
    assert "403: PERMISSION_DENIED" in said
    assert "Secret Manager Secret Version Adder" in said


def test_an_unknown_token_is_refused(place: GcpSecretHarness) -> None:
    place.revoke()
    assert "refuses the token (401: UNAUTHENTICATED" in refused(place).what


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("gcp-secret:x/name", "the project"),
        ("gcp-secret:../name", "the project"),
        (f"gcp-secret:{PROJECT}", "after /"),
        (f"gcp-secret:{PROJECT}/a/b", "after /"),
        (f"gcp-secret:{PROJECT}/a:b", "after /"),
    ],
)
def test_a_place_that_cannot_be_is_a_fault(place: GcpSecretHarness, text: str, fault: str) -> None:
    with pytest.raises(SinkError, match=fault):
        place.sink(text)


def test_everything_missing_is_reported_at_once(place: GcpSecretHarness) -> None:
    with pytest.raises(SinkError) as caught:
        emitter("gcp-secret:!", replace(place.context(), environ={}))
    assert str(caught.value).count("gcp-secret: ") == 2
    assert "the project" in str(caught.value)
    assert "CLOUDSDK_AUTH_ACCESS_TOKEN" in str(caught.value)


# Without a stored credential


def test_a_job_of_github_signs_in_with_its_id_token(
    place: GcpSecretHarness, issuer: IdTokens
) -> None:
    sink, masked = of_the_job(place, **issuer.environ)
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert place.read() == KEY
    [token] = issuer.issued
    assert claims_of(token)["aud"] == f"https://iam.googleapis.com/{PROVIDER}"
    assert {token, *place.server.callers} - {place.token} == set(masked)


def test_a_job_of_gitlab_has_its_id_token_in_a_variable(
    place: GcpSecretHarness, issuer: IdTokens
) -> None:
    sink, _ = of_the_job(place, GCP_ID_TOKEN=issuer.token(f"https://iam.googleapis.com/{PROVIDER}"))
    assert list(sink.check()) == []


def test_another_job_audience_or_account_is_refused(
    place: GcpSecretHarness, issuer: IdTokens
) -> None:
    sink, _ = of_the_job(place, GCP_ID_TOKEN=issuer.token("https://other.example.com"))
    with pytest.raises(DestinationRefusedError, match="must be for the audience"):
        sink.check()
    assert place.server.requests == []
    place.server.may_impersonate = False
    sink, _ = of_the_job(place, **issuer.environ)
    with pytest.raises(DestinationRefusedError, match='the role "Workload Identity User"'):
        sink.check()
    issuer.claims["sub"] = "repo:acme/other:environment:signing"
    sink, _ = of_the_job(place, **issuer.environ)
    with pytest.raises(DestinationRefusedError, match="rejected by the attribute condition"):
        sink.check()
    assert place.read() == OLDER


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
    place: GcpSecretHarness, environ: dict[str, str], fault: str
) -> None:
    with pytest.raises(SinkError, match=f"gcp-secret: .*{fault}"):
        of_the_job(place, **environ)
