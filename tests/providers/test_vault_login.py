"""Without a stored token: OpenBao's own sign-in methods, with the identity of the job."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.harness import delivery
from docs.pages import PAGES
from signotaur_action.errors import DestinationRefusedError
from signotaur_action.model import Secret
from signotaur_action.ports import Sink, TokenHolder
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkError
from support.providers.exchange import fail
from support.providers.id_tokens import ISSUER, IdTokens, claims_of
from support.providers.openbao import OpenBao
from support.providers.stores import OpenBaoOverTls, VaultHarness
from support.sample_key import KEY

POLICY = {"path": {"secret/data/ci/signotaur": {"capabilities": ["read", "create", "update"]}}}


class VaultJob:
    """A job without a token of Vault's, and what its run masked."""

    def __init__(self, place: VaultHarness, issuer: IdTokens) -> None:
        self.place = place
        self.issuer = issuer
        self.masked: list[str] = []
        self.environ = {
            name: value for name, value in place.environ.items() if name != place.token_variable
        } | {"VAULT_AUTH_METHOD": "jwt", "VAULT_AUTH_ROLE": "rotation"}
        self.environ |= issuer.environ

    def sink(self, **environ: str) -> Sink:
        """Return the sink of the place, as this job makes it."""
        context = self.place.context(ca_file=self.place.bao.ca_file)
        variables = {name: text for name, text in (self.environ | environ).items() if text}
        context = replace(
            context,
            environ=variables,
            mask_token=lambda secret: self.masked.append(secret.reveal()),
        )
        return emitter(self.place.text, context)

    def refused(self, **environ: str) -> str:
        """The check fails: nothing was written, and no token is in the message."""
        before = self.place.held()
        with pytest.raises(DestinationRefusedError) as caught:
            self.sink(**environ).check()
        assert self.place.held() == before
        text = f"{caught.value.what} {caught.value.next}"
        assert not [token for token in self.issuer.issued if token in text]
        return text


@pytest.fixture
def job(openbao: OpenBao) -> Iterator[VaultJob]:
    with OpenBaoOverTls() as place, IdTokens() as issuer:
        openbao.must("PUT", "sys/policies/acl/rotation", {"policy": json.dumps(POLICY)})
        for path in ("jwt", "kubernetes"):  # the wire is the same; who reviews the token is not
            enable(openbao, path, "jwt")
            key = {"jwt_validation_pubkeys": [issuer.public_key], "bound_issuer": ISSUER}
            openbao.must("POST", f"auth/{path}/config", key)
            openbao.must("POST", f"auth/{path}/role/rotation", role_of_the_manual(openbao.url))
        yield VaultJob(place, issuer)


def role_of_the_manual(address: str) -> dict[str, Any]:
    """Return the role on the destination's page, for this server."""
    [text] = re.findall("```json\n(.*?)```", PAGES["docs/destinations/vault.md"], re.DOTALL)
    role: dict[str, Any] = json.loads(text.replace("https://vault.example.com", address))
    return role


def enable(openbao: OpenBao, path: str, kind: str) -> None:
    openbao.ask("DELETE", f"sys/auth/{path}")
    openbao.must("POST", f"sys/auth/{path}", {"type": kind})


def delivers(job: VaultJob, sink: Sink) -> None:
    """The key arrives, and what the run was given is masked."""
    assert list(sink.check()) == []
    sink.deliver(delivery(KEY))
    assert sink.read_back() == Secret(KEY)
    assert job.place.read() == KEY
    assert any(text.startswith(("s.", "hvs.")) for text in job.masked)


def test_a_job_of_github_signs_in_with_its_id_token(job: VaultJob) -> None:
    delivers(job, job.sink())
    [token] = job.issuer.issued
    assert token in job.masked
    assert claims_of(token)["aud"] == job.place.bao.url


def test_a_job_of_gitlab_has_its_id_token_in_a_variable(job: VaultJob) -> None:
    token = job.issuer.token(job.place.bao.url)
    delivers(job, job.sink(VAULT_ID_TOKEN=token, ACTIONS_ID_TOKEN_REQUEST_URL=""))
    assert job.issuer.issued == []


def test_a_pod_signs_in_with_its_service_account(job: VaultJob, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(job.issuer.token(job.place.bao.url) + "\n")
    environ = {"VAULT_AUTH_METHOD": "kubernetes", "VAULT_KUBERNETES_TOKEN_FILE": str(file)}
    delivers(job, job.sink(**environ))
    file.unlink()
    assert f"{file} cannot be read (no such file" in job.refused(**environ)


def test_an_approle_signs_in(job: VaultJob) -> None:
    bao = job.place.bao
    enable(bao, "ci/approle", "approle")
    bao.must("POST", "auth/ci/approle/role/rotation", {"token_policies": "rotation"})
    role = bao.must("GET", "auth/ci/approle/role/rotation/role-id")["data"]["role_id"]
    made = bao.must("POST", "auth/ci/approle/role/rotation/secret-id")["data"]["secret_id"]
    environ = {
        "VAULT_AUTH_METHOD": " approle",
        "VAULT_AUTH_PATH": "/ci/approle/ ",
        "VAULT_ROLE_ID": role,
        "VAULT_SECRET_ID": made,
    }
    delivers(job, job.sink(**environ))
    wrong = environ | {"VAULT_SECRET_ID": "0d6ea6d2-7c2a-4d0e-8a2d-0b6b0f5f1e11"}
    said = job.refused(**wrong)
    assert "invalid" in said
    assert "0d6ea6d2" not in said


def test_a_token_that_ends_between_check_and_delivery_is_asked_for_again(job: VaultJob) -> None:
    sink = job.sink()
    sink.check()
    [token] = [text for text in job.masked if text.startswith(("s.", "hvs."))]
    job.place.server.forget_token(token)
    sink.deliver(delivery(KEY))
    assert job.place.read() == KEY
    assert len(job.issuer.issued) == 2


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"repository": "acme/other"}, "repository"),
        ({"environment": "test"}, "environment"),
        ({"iss": "https://evil.example.com"}, "iss"),
        ({"exp": 1_700_000_000, "nbf": 1_600_000_000, "iat": 1_600_000_000}, "expired"),
    ],
)
def test_another_job_is_refused_before_anything_is_rotated(
    job: VaultJob, claims: dict[str, object], reason: str
) -> None:
    job.issuer.claims |= claims
    said = job.refused()
    assert reason in said
    assert "Fix BAO_ADDR, the VAULT_AUTH_ variables, the rules of the role or the token's" in said


@pytest.fixture
def disturbed() -> Iterator[VaultJob]:
    """A job whose way to OpenBao leads through a front."""
    with VaultHarness() as place, IdTokens() as issuer:
        yield VaultJob(place, issuer)


@pytest.mark.parametrize(
    "told", [{}, {"auth": [1]}, {"auth": {"client_token": ""}}, {"auth": {"client_token": 3}}]
)
def test_a_sign_in_that_gives_no_token_is_reported(
    disturbed: VaultJob, told: dict[str, object]
) -> None:
    faults = disturbed.place.server.faults
    faults.append(fail("POST", "/v1/auth/jwt/login$", 200, body=told))
    assert "Vault accepted the sign-in, but returned no token." in disturbed.refused()


def test_a_sign_in_that_is_denied_tells_what_it_needs(disturbed: VaultJob) -> None:
    denied = fail("POST", "/v1/auth/ci/jwt/login$", 403, body={"errors": ["not for you"]}, times=9)
    disturbed.place.server.faults.append(denied)
    said = disturbed.refused(VAULT_AUTH_PATH="ci/jwt")
    assert "Vault refuses the token (403: not for you): it needs a role at" in said
    assert "a role at auth/ci/jwt that accepts this sign-in." in said


def test_a_job_that_signs_in_has_no_token_that_could_end(job: VaultJob) -> None:
    sink = job.sink()
    assert isinstance(sink, TokenHolder)
    assert list(sink.token_concerns()) == []
    assert job.issuer.issued == []


def test_a_token_for_somebody_else_is_sent_to_nobody(job: VaultJob) -> None:
    elsewhere = job.issuer.token("https://other.example.com")
    both = job.issuer.token("", aud=[job.place.bao.url, "https://other.example.com"])
    for token in (elsewhere, both):
        said = job.refused(VAULT_ID_TOKEN=token)
        assert f"must be for the audience {job.place.bao.url} alone" in said
        assert token not in said


@pytest.mark.parametrize("text", ["x", "a.b.c", "a.W10.c", "." * 40, "a.bnVsbA.c"])
def test_what_is_no_token_is_sent_to_nobody(job: VaultJob, text: str) -> None:
    assert "is not a JSON Web Token" in job.refused(VAULT_ID_TOKEN=text)


def test_a_platform_that_gives_no_token_is_reported(job: VaultJob) -> None:
    said = job.refused(ACTIONS_ID_TOKEN_REQUEST_TOKEN="stale")
    assert "GitHub gave this job no ID token (401)" in said


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"VAULT_AUTH_METHOD": "ldap"}, "must be one of jwt, kubernetes, approle$"),
        ({"VAULT_AUTH_ROLE": ""}, "this VAULT_AUTH_METHOD: VAULT_AUTH_ROLE$"),
        ({"VAULT_AUTH_ROLE": " ", "VAULT_AUTH_METHOD": "kubernetes"}, ": VAULT_AUTH_ROLE$"),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "id-token: write"),
        ({"VAULT_AUTH_METHOD": "approle"}, ": VAULT_ROLE_ID and VAULT_SECRET_ID$"),
        ({"BAO_TOKEN": "both"}, "BAO_TOKEN and VAULT_AUTH_METHOD are both set; unset one of them$"),
    ],
)
def test_what_is_missing_is_said_at_once(
    job: VaultJob, environ: dict[str, str], fault: str
) -> None:
    with pytest.raises(SinkError, match=f"^vault: .*{fault}"):
        job.sink(**environ)
    assert job.issuer.requests == []
