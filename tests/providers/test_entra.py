"""The sign-in at Microsoft Entra, before Azure Key Vault."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from providers.store_checks import refused
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from support.providers.azure_place import AzureKeyVaultHarness
from support.providers.exchange import Call, Reply, drop, fail


@pytest.fixture
def place() -> Iterator[AzureKeyVaultHarness]:
    with AzureKeyVaultHarness() as place:
        yield place


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("AZURE_AUTHORITY_HOST", "http://login.example.com", "AZURE_AUTHORITY_HOST: "),
        ("AZURE_TENANT_ID", "a/tenant", "AZURE_TENANT_ID is not an id"),
        ("AZURE_CLIENT_ID", "an application", "AZURE_CLIENT_ID is not an id"),
    ],
)
def test_a_variable_that_cannot_be_is_a_fault(
    place: AzureKeyVaultHarness, variable: str, value: str, fault: str
) -> None:
    with pytest.raises(SinkError, match=f"azure-key-vault: {fault}"):
        emitter(place.text, place.context(**{variable: value}))  # type: ignore[arg-type]


def test_the_public_cloud_needs_no_variable(place: AzureKeyVaultHarness) -> None:
    environ = {**place.environ}
    del environ["AZURE_AUTHORITY_HOST"], environ["AZURE_KEY_VAULT_URL"]
    assert emitter(place.text, replace(place.context(), environ=environ)).name == place.sink().name


def test_a_lost_answer_to_the_sign_in_is_asked_for_again(place: AzureKeyVaultHarness) -> None:
    place.server.faults.append(drop("POST", "/oauth2/", after=True))
    assert list(place.sink().check()) == []


def test_a_sign_in_without_a_token_is_refused(place: AzureKeyVaultHarness) -> None:
    place.server.faults.append(fail("POST", "/oauth2/", 200, body={"token_type": "Bearer"}))
    assert "Microsoft Entra returned no token" in refused(place).what


def test_a_refused_sign_in_never_repeats_the_client_secret(place: AzureKeyVaultHarness) -> None:
    def repeat(call: Call) -> Reply | None:
        told = {"error_description": f"no: {place.token} {call.body.decode()}"}
        return Reply(401, told) if "/oauth2/" in call.path else None

    place.server.faults.append(repeat)
    assert "(401: ***)" in refused(place).what
