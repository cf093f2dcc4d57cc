"""Secrets of Azure Key Vault: written as new versions, with the identity of the job."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contract.harness import delivery
from providers.store_checks import not_delivered, refused
from signotaur_action.errors import DestinationRefusedError
from signotaur_action.model import Secret
from signotaur_action.ports import Sink
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from support.providers.azure_key_vault import AUDIENCE
from support.providers.azure_place import NAME, AzureKeyVaultHarness
from support.providers.exchange import fail
from support.providers.id_tokens import JOB, IdTokens, claims_of
from support.providers.stores import OLDER
from support.sample_key import KEY


@pytest.fixture
def place() -> Iterator[AzureKeyVaultHarness]:
    with AzureKeyVaultHarness() as place:
        yield place


@pytest.fixture
def new_place() -> Iterator[AzureKeyVaultHarness]:
    with AzureKeyVaultHarness(new=True) as place:
        yield place


@pytest.fixture
def issuer(place: AzureKeyVaultHarness) -> Iterator[IdTokens]:
    place.server.subjects.add(JOB["sub"])
    with IdTokens() as issuer:
        yield issuer


def of_the_job(place: AzureKeyVaultHarness, environ: dict[str, str]) -> tuple[Sink, list[str]]:
    """Return the sink of a job without a client secret, and what it masks."""
    masked: list[str] = []
    variables = {**place.environ, "AZURE_CLIENT_SECRET": "", **environ}
    context = replace(
        place.context(),
        environ={name: text for name, text in variables.items() if text},
        mask_token=lambda secret: masked.append(secret.reveal()),
    )
    return emitter(place.text, context), masked


# What is written


def test_a_new_version_keeps_what_it_would_lose_and_expires_with_the_key(
    place: AzureKeyVaultHarness,
) -> None:
    sink = place.sink()
    assert list(sink.check()) == []
    given = delivery(KEY)
    sink.deliver(given)
    assert sink.read_back() == Secret(KEY)
    found = place.server.newest(NAME)
    assert found is not None
    assert (found["contentType"], found["tags"]) == ("text/plain", {"team": "release"})
    assert given.expires_at is not None
    assert found["attributes"]["exp"] == int(given.expires_at.timestamp())
    assert len(place.server.secrets[NAME].versions) == 2
    sink.deliver(given)
    assert len(place.server.secrets[NAME].versions) == 2


def shown(place: AzureKeyVaultHarness, status: int, **body: object) -> None:
    """Let the vault answer this to each request for the secret."""
    place.server.faults.append(fail("GET", "/secrets/", status, body=body, times=9))


def test_a_disabled_version_that_is_shown_is_replaced(place: AzureKeyVaultHarness) -> None:
    shown(place, 200, value=KEY, attributes={"enabled": False})
    sink = place.sink()
    assert list(sink.check()) == [f"{sink.name} is disabled; the new version is enabled."]
    sink.deliver(delivery(KEY))
    assert place.read() == KEY


def test_a_vault_that_is_gone_is_not_a_secret_that_is_missing(place: AzureKeyVaultHarness) -> None:
    shown(place, 404, error={"code": "VaultNotFound", "message": "no such vault"})
    assert "answered 404: VaultNotFound: no such vault" in refused(place).what


def test_an_answer_without_a_value_is_no_key(place: AzureKeyVaultHarness) -> None:
    shown(place, 200, attributes={"enabled": True})
    assert place.sink().read_back() is None


def test_a_check_looks_for_a_deleted_secret_only_where_none_is(
    place: AzureKeyVaultHarness, new_place: AzureKeyVaultHarness
) -> None:
    for each, looks in ((place, 0), (new_place, 1)):
        each.sink().check()
        assert len(each.server.calls("GET", "/deletedsecrets/")) == looks


def test_a_key_that_never_expires_sets_no_time(place: AzureKeyVaultHarness) -> None:
    place.sink().deliver(replace(delivery(KEY), expires_at=None))
    found = place.server.newest(NAME)
    assert found is not None
    assert "exp" not in found["attributes"]


def test_a_missing_secret_is_reported_and_created(new_place: AzureKeyVaultHarness) -> None:
    sink = new_place.sink()
    [concern] = sink.check()
    assert concern == f"{sink.name} does not exist yet; it will be created."
    assert new_place.held() is None
    sink.deliver(delivery(KEY))
    assert new_place.read() == KEY


def test_a_disabled_secret_is_reported_and_enabled(place: AzureKeyVaultHarness) -> None:
    place.server.put(NAME, OLDER, attributes={"enabled": False})
    sink = place.sink()
    assert list(sink.check()) == [f"{sink.name} is disabled; the new version is enabled."]
    sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)


def test_a_secret_that_may_not_be_read_is_proved_by_its_version(
    place: AzureKeyVaultHarness,
) -> None:
    place.server.rights = {"set"}
    sink = place.sink()
    [concern] = sink.check()
    assert "cannot be read; the delivery is verified by its version" in concern
    sink.deliver(delivery(KEY))
    assert sink.read_back() is None
    assert place.read() == KEY


def test_a_lost_answer_is_asked_for_again(place: AzureKeyVaultHarness) -> None:
    sink = place.sink()
    sink.check()
    place.server.faults.append(fail("PUT", "/secrets/", 503))
    sink.deliver(delivery(KEY))
    assert place.read() == KEY


# What is refused


def test_a_deleted_secret_is_refused_before_anything_is_rotated(
    place: AzureKeyVaultHarness,
) -> None:
    place.server.secrets[NAME].deleted = True
    assert "was deleted and can be recovered; recover or purge it first" in refused(place).what


def test_a_secret_that_is_deleted_meanwhile_is_not_delivered(place: AzureKeyVaultHarness) -> None:
    place.server.rights = {"set"}
    sink = place.sink()
    sink.check()
    place.server.secrets[NAME].deleted = True
    assert "recover or purge it first" in not_delivered(place, sink).what


def test_an_application_without_the_right_to_set_is_named(place: AzureKeyVaultHarness) -> None:
    place.server.rights = {"get"}
    sink = place.sink()
    assert list(sink.check()) == []
    said = not_delivered(place, sink).what
    assert "403: ForbiddenByRbac" in said
    assert 'it needs the role "Key Vault Secrets Officer"' in said


def test_a_firewall_is_refused_in_the_check(place: AzureKeyVaultHarness) -> None:
    error = {"code": "Forbidden", "message": "x", "innererror": {"code": "ForbiddenByFirewall"}}
    place.server.faults.append(fail("GET", "/secrets/", 403, body={"error": error}, times=9))
    assert "ForbiddenByFirewall" in refused(place).what


def test_a_client_secret_that_ended_is_refused(place: AzureKeyVaultHarness) -> None:
    place.revoke()
    said = refused(place).what
    assert "Microsoft Entra refuses the token (401: AADSTS7000215" in said


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("azure-key-vault:v", "a vault of 3 to 24"),
        ("azure-key-vault:-vault/name", "a vault of 3 to 24"),
        ("azure-key-vault:ci-vault", "after /"),
        ("azure-key-vault:ci-vault/na_me", "after /"),
        ("azure-key-vault:ci-vault/a/b", "after /"),
    ],
)
def test_a_place_that_cannot_be_is_a_fault(
    place: AzureKeyVaultHarness, text: str, fault: str
) -> None:
    with pytest.raises(SinkError, match=fault):
        place.sink(text)


def test_everything_missing_is_reported_at_once(place: AzureKeyVaultHarness) -> None:
    nowhere = replace(place.context(), environ={})
    with pytest.raises(SinkError) as caught:
        emitter("azure-key-vault:ci-vault/!", nowhere)
    assert "AZURE_TENANT_ID and AZURE_CLIENT_ID" in str(caught.value)
    assert "letters, digits and hyphens after /" in str(caught.value)
    assert str(caught.value).count("azure-key-vault: ") == 2


# Without a stored credential


def test_a_job_of_github_signs_in_with_its_id_token(
    place: AzureKeyVaultHarness, issuer: IdTokens
) -> None:
    sink, masked = of_the_job(place, issuer.environ)
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert place.read() == KEY
    [token] = issuer.issued
    assert claims_of(token)["aud"] == AUDIENCE
    assert {token, *place.server.tokens} == set(masked)


def test_a_token_of_gitlab_or_of_a_file_signs_in(
    place: AzureKeyVaultHarness, issuer: IdTokens, tmp_path: Path
) -> None:
    token = issuer.token(AUDIENCE)
    file = tmp_path / "token"
    file.write_text(token)
    for given in (
        {"AZURE_FEDERATED_TOKEN": token},
        {"AZURE_FEDERATED_TOKEN_FILE": str(file)},
    ):
        sink, _ = of_the_job(place, given)
        assert list(sink.check()) == []


def test_another_job_or_another_audience_is_refused(
    place: AzureKeyVaultHarness, issuer: IdTokens
) -> None:
    elsewhere = issuer.token("https://other.example.com")
    sink, _ = of_the_job(place, {"AZURE_FEDERATED_TOKEN": elsewhere})
    with pytest.raises(DestinationRefusedError, match="must be for the audience api://AzureAD"):
        sink.check()
    assert place.server.requests == []
    issuer.claims["sub"] = "repo:acme/other:environment:signing"
    sink, _ = of_the_job(place, issuer.environ)
    with pytest.raises(DestinationRefusedError, match="AADSTS"):
        sink.check()
    assert place.read() == OLDER


def test_an_identity_is_needed_and_one_is_enough(place: AzureKeyVaultHarness) -> None:
    with pytest.raises(SinkError, match="azure-key-vault: needs an identity: give the job"):
        of_the_job(place, {})
    with pytest.raises(SinkError, match="AZURE_CLIENT_SECRET and AZURE_FEDERATED_TOKEN are set"):
        place.sink(AZURE_FEDERATED_TOKEN="x")
