"""Trusts for tests, and the token exchange as a client makes it."""

from typing import Any

import requests

from keyserver.harness import Client, ServerHarness
from signotaur_keyserver.domain.trusts import ClaimRule
from signotaur_keyserver.service import trusts
from signotaur_wire.exchange import GRANT_TYPE, JWT
from signotaur_wire.paths import TOKEN_EXCHANGE
from support.providers.oidc_issuer import OidcIssuer

AUDIENCE = "https://keys.example.com"
REPOSITORY = ClaimRule("repository", "octo-org/octo-repo")


def trusting(world: ServerHarness, issuer: OidcIssuer, *rules: ClaimRule, **changes: Any) -> int:
    """Trust an issuer for the user ci; return the trust's id."""
    given: dict[str, Any] = {
        "issuer": issuer.url,
        "audience": AUDIENCE,
        "rules": rules or (REPOSITORY,),
        "user": "ci",
        "purpose": "sign",
        "life_seconds": 900,
        "ca_pem": issuer.authority.ca_file.read_text(),
    }
    return trusts.add_trust(world.database, trusts.NewTrust(**(given | changes)))


def exchange(client: Client, token: str, **changes: str | None) -> requests.Response:
    """Exchange a token; None leaves a parameter out."""
    client.secrets.append(token)
    fields = {"grant_type": GRANT_TYPE, "subject_token": token, "subject_token_type": JWT}
    body = {name: value for name, value in (fields | changes).items() if value is not None}
    return client.call("POST", TOKEN_EXCHANGE, data=body)


def key_of(answer: requests.Response) -> str:
    """Return the key of an exchange that must succeed."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def refusal(answer: requests.Response) -> tuple[int, str, str]:
    """Return status, slug and OAuth error of a refusal."""
    told = answer.json()
    return answer.status_code, told["type"], told["error"]


NOT_ACCEPTED = (400, "invalid-grant", "invalid_grant")
