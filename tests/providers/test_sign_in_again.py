"""A run signs in again when its token ended, and not when the token may not do something.

Vault documents one status for both, so a right that is missing costs a second sign-in there.
"""

from collections.abc import Iterator

import pytest

from contract.harness import delivery
from support.providers.amazon_place import AwsJob, AwsSecretHarness
from support.providers.azure_place import AzureKeyVaultHarness
from support.providers.google_cloud import ADD
from support.providers.google_place import GcpSecretHarness
from support.providers.id_tokens import JOB, IdTokens
from support.sample_key import KEY


@pytest.fixture
def issuer() -> Iterator[IdTokens]:
    with IdTokens() as issuer:
        yield issuer


def test_azure() -> None:
    with AzureKeyVaultHarness() as place:
        place.server.rights = {"set"}
        sink = place.sink()
        [concern] = sink.check()
        assert "cannot be read" in concern
        assert len(place.server.calls("POST", "/oauth2/")) == 1
        place.server.tokens.clear()
        sink.deliver(delivery(KEY))
        assert place.read() == KEY
        assert len(place.server.calls("POST", "/oauth2/")) == 2


def test_google(issuer: IdTokens) -> None:
    with GcpSecretHarness() as place:
        place.server.subjects.add(JOB["sub"])
        place.server.account_rights = {ADD}
        sink, _ = place.job_sink(**issuer.environ)
        [concern] = sink.check()
        assert "cannot be read" in concern
        assert len(place.server.calls("POST", "/v1/token")) == 1
        place.server.callers.clear()
        sink.deliver(delivery(KEY))
        assert place.read() == KEY
        assert len(place.server.calls("POST", "/v1/token")) == 2


def test_amazon(issuer: IdTokens) -> None:
    with AwsSecretHarness() as place:
        job = AwsJob(place, issuer)
        place.server.denied.add("GetSecretValue")
        sink = job.sink()
        [concern] = sink.check()
        assert "cannot be read" in concern
        assert job.sign_ins == 1
        place.server.callers.clear()
        sink.deliver(delivery(KEY))
        assert place.read() == KEY
        assert job.sign_ins == 2
