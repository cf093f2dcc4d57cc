"""``POST /token-exchange``: what becomes a key, what does not, and what the key may do."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from keyserver.certs import add, post_sign
from keyserver.exchanges import (
    AUDIENCE,
    NOT_ACCEPTED,
    REPOSITORY,
    exchange,
    key_of,
    refusal,
    trusting,
)
from keyserver.harness import NewKey, ServerHarness, problem, wait_until
from keyserver.processes import command
from signotaur_keyserver.domain.trusts import ClaimRule
from signotaur_keyserver.service import administration, trusts
from signotaur_wire.exchange import ID_TOKEN
from support.providers.job_claims import BUILDKITE, GITHUB, GITLAB
from support.providers.oidc_issuer import OidcIssuer, private_key
from support.tls import Authority

pytestmark = pytest.mark.both_databases

PUBLIC_PEM = serialization.PublicFormat.SubjectPublicKeyInfo


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[OidcIssuer]:
    with OidcIssuer(Authority(tmp_path / "issuer")) as issuer:
        issuer.claims = dict(GITHUB)
        yield issuer


def test_a_token_becomes_a_key_that_signs_and_ends_soon(
    world: ServerHarness, issuer: OidcIssuer
) -> None:
    trust_id = trusting(world, issuer)
    certificate = add(world, "release", users=("ci",))
    answer = exchange(world.now, issuer.token(AUDIENCE), subject_token_type=ID_TOKEN)
    key = key_of(answer)
    assert answer.json() | {"access_token": ""} == {
        "access_token": "",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 900,
    }
    told = world.now.self(key).json()
    assert (told["owner"], told["state"]) == ("ci", "active")
    assert told["name"] == f"trust {trust_id}: repo:octo-org/octo-repo:environment:prod"
    assert post_sign(world.now, key, certificate.thumbprint).json()["result"] == 0
    assert problem(world.now.put(key, uuid4(), NewKey())) == (403, "purpose-denied")
    assert problem(world.at("16m").self(key)) == (401, "key-expired")


def test_every_exchange_is_an_event_with_claims_and_without_the_token(
    world: ServerHarness, issuer: OidcIssuer
) -> None:
    trusting(world, issuer)
    token = issuer.token(AUDIENCE)
    key = key_of(exchange(world.now, token))
    (event,) = world.events("token-exchanged")
    assert event["data"]["trustId"] == 1
    assert event["data"]["claims"]["repository"] == "octo-org/octo-repo"
    assert event["data"]["claims"]["run_id"] == "1000"
    assert "user_email" not in event["data"]["claims"]
    assert (event["key_id"], event["user_id"]) == (1, 1)
    refused = issuer.token(AUDIENCE, jti="other", repository="octo-org/other\n::error::")
    assert refusal(exchange(world.now, refused)) == NOT_ACCEPTED
    wait_until(lambda: bool(world.events("request-refused")))
    (event,) = world.events("request-refused")
    assert (event["level"], event["data"]["problem"]) == ("Security", "invalid-grant")
    assert (
        event["data"]["claims"]["repository"] == "octo-org/other\N{REPLACEMENT CHARACTER}::error::"
    )
    assert event["data"]["issuer"] == issuer.url
    told = str(world.events())
    assert not [secret for secret in (token, refused, key) if secret[-40:] in told]


@pytest.mark.parametrize(
    ("claims", "rules"),
    [
        (
            GITHUB,
            [
                ("repository", "octo-org/octo-repo", False),
                ("environment", "prod", False),
                (
                    "job_workflow_ref",
                    "octo-org/octo-automation/.github/workflows/*@refs/heads/*",
                    True,
                ),
            ],
        ),
        (
            GITLAB,
            [
                ("project_path", "my-group/my-project", False),
                ("ref_protected", "true", False),
                ("runner_id", "1", False),
                ("ref", "ma*", True),
            ],
        ),
        (
            BUILDKITE,
            [
                ("organization_slug", "acme-inc", False),
                ("build_number", "1", False),
                (
                    "sub",
                    "organization:acme-inc:pipeline:*:ref:refs/heads/main:commit:*:step:build",
                    True,
                ),
            ],
        ),
    ],
    ids=["github", "gitlab", "buildkite"],
)
def test_the_claims_of_each_platform(
    world: ServerHarness,
    issuer: OidcIssuer,
    claims: dict[str, Any],
    rules: list[tuple[str, str, bool]],
) -> None:
    issuer.claims = dict(claims)
    trusting(world, issuer, *(ClaimRule(*rule) for rule in rules))
    key_of(exchange(world.now, issuer.token(AUDIENCE)))
    for name, value, pattern in rules:
        others: list[object] = [f"x{value}", value.upper() + "/", "*", "", None, [value]]
        others += [{"value": value}, f"{value}/"]
        if pattern:
            others += [value.replace("*", each) for each in ("a/b", "a:b")]
        else:
            others += [f"{value}x", f"{value}\n"]
        for other in others:
            token = issuer.token(AUDIENCE, **{name: other, "jti": f"{name}{other}"})
            assert refusal(exchange(world.now, token)) == NOT_ACCEPTED, (name, other)


def test_one_token_makes_one_key(world: ServerHarness, issuer: OidcIssuer) -> None:
    trusting(world, issuer)
    client = world.now
    with_id, without = issuer.token(AUDIENCE), issuer.token(AUDIENCE, jti=None)
    same_id = issuer.token(AUDIENCE, run_id="1001")
    for token in (with_id, without):
        key_of(exchange(client, token))
        assert refusal(exchange(client, token)) == NOT_ACCEPTED
        # A second server on the database knows it, too, and so does one whose sweep has run.
        assert refusal(exchange(world.at("1m"), token)) == NOT_ACCEPTED
    assert "used before" in exchange(client, same_id).json()["detail"]
    assert len(administration.list_keys(world.database)) == 2


def test_a_token_that_comes_many_times_at_once_makes_one_key(
    world: ServerHarness, issuer: OidcIssuer
) -> None:
    trusting(world, issuer)
    clients = [world.now, world.serving()]
    token = issuer.token(AUDIENCE)
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda i: exchange(clients[i % 2], token).status_code, range(6)))
    assert sorted(made) == [200, 400, 400, 400, 400, 400]


def test_used_tokens_are_forgotten_when_nobody_would_accept_them(
    world: ServerHarness, issuer: OidcIssuer
) -> None:
    trusting(world, issuer)
    key_of(exchange(world.now, issuer.token(AUDIENCE)))
    assert _remembered(world) == 1
    world.sweep("5m")
    assert _remembered(world) == 1
    world.sweep("7m")
    assert _remembered(world) == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": {"seconds": -70}}, "The token has expired."),
        ({"nbf": {"seconds": 90}}, "The token is not valid yet."),
        ({"iat": {"seconds": 90}}, "The token is not valid yet."),
        ({"exp": {"hours": 25}}, "The token is valid for more than 24 hours."),
        ({"exp": None}, "The token has no usable exp."),
        ({"iat": None}, "The token has no usable iat."),
        ({"exp": "tomorrow"}, "The token has no usable exp."),
        ({"exp": True}, "The token has no usable exp."),
        ({"exp": 1e300}, "The token has no usable exp."),
    ],
)
def test_times(
    world: ServerHarness, issuer: OidcIssuer, changes: dict[str, Any], reason: str
) -> None:
    trusting(world, issuer)
    ((name, value),) = changes.items()
    claims = {name: issuer.ahead(**value) if isinstance(value, dict) else value}
    answer = exchange(world.now, issuer.token(AUDIENCE, **claims))
    assert (refusal(answer), answer.json()["detail"]) == (NOT_ACCEPTED, reason)


@pytest.mark.parametrize("changes", [{"exp": -50}, {"iat": 50, "nbf": 50}])
def test_clocks_may_be_a_minute_apart(
    world: ServerHarness, issuer: OidcIssuer, changes: dict[str, int]
) -> None:
    trusting(world, issuer)
    claims = {name: issuer.ahead(seconds=value) for name, value in changes.items()}
    key_of(exchange(world.now, issuer.token(AUDIENCE, **claims)))


@pytest.mark.parametrize(
    "audience",
    [
        "https://keys.example.co",
        "https://keys.example.com/",
        "HTTPS://KEYS.EXAMPLE.COM",
        "*",
        None,
        [],
        [AUDIENCE, "https://other.example"],
        {AUDIENCE: 1},
    ],
)
def test_another_audience(world: ServerHarness, issuer: OidcIssuer, audience: Any) -> None:
    trusting(world, issuer)
    assert refusal(exchange(world.now, issuer.signed({"aud": audience}))) == NOT_ACCEPTED
    key_of(exchange(world.now, issuer.signed({"aud": [AUDIENCE]})))


def _part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unsigned(token: str, header: object, signature: bytes = b"") -> str:
    return f"{_part(header)}.{token.split('.')[1]}.{_part(signature)}"


def _shared_secret(token: str, issuer: OidcIssuer) -> str:
    """Sign with HS256, and with the published key as the secret."""
    public = private_key("key-1").public_key()
    secret = public.public_bytes(serialization.Encoding.PEM, PUBLIC_PEM)
    signed = f"{_part({'alg': 'HS256', 'kid': issuer.key_ids[0]})}.{token.split('.')[1]}"
    return f"{signed}.{_part(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _other_key(issuer: OidcIssuer, **header: Any) -> str:
    claims = jwt.decode(issuer.token(AUDIENCE), options={"verify_signature": False})
    return jwt.encode(claims, private_key("attacker"), "RS256", {"kid": "key-1", **header})


FORGED: dict[str, Callable[[str, OidcIssuer], str]] = {
    "alg none": lambda token, _: _unsigned(token, {"alg": "none", "kid": "key-1"}),
    "alg None": lambda token, _: _unsigned(token, {"alg": "None", "kid": "key-1"}),
    "alg missing": lambda token, _: _unsigned(token, {"kid": "key-1"}),
    "no signature": lambda token, _: _unsigned(token, {"alg": "RS256", "kid": "key-1"}),
    "HS256 with the public key": _shared_secret,
    "other key": lambda _, issuer: _other_key(issuer),
    "jwk in the header": lambda _, issuer: _other_key(issuer, jwk=issuer.key_set()["keys"][0]),
    "jku": lambda _, issuer: _other_key(issuer, jku=f"{issuer.url}/stolen"),
    "x5u": lambda _, issuer: _other_key(issuer, x5u=f"{issuer.url}/stolen"),
    "kid is a path": lambda _, issuer: _other_key(issuer, kid="../../../../etc/passwd"),
    "kid is a URL": lambda _, issuer: _other_key(issuer, kid=f"{issuer.url}/stolen"),
    "kid is SQL": lambda _, issuer: _other_key(issuer, kid="' OR 1=1 --"),
    "PS256 with the key of RS256": lambda _, issuer: jwt.encode(
        jwt.decode(issuer.token(AUDIENCE), options={"verify_signature": False}),
        private_key("key-1"),
        "PS256",
        {"kid": "key-1"},
    ),
    "crit": lambda _, issuer: issuer.signed({"aud": AUDIENCE}, crit=["exp"]),
    "changed claims": lambda token, _: ".".join(
        (
            token.split(".")[0],
            _part({**jwt.decode(token, options={"verify_signature": False}), "ref": "x"}),
            token.split(".")[2],
        )
    ),
    "two parts": lambda token, _: token.rpartition(".")[0],
    "four parts": lambda token, _: f"{token}.{token.split('.')[1]}",
    "not base64": lambda token, _: f"{token}!",
    "payload is a list": lambda _, __: f"{_part({'alg': 'RS256'})}.{_part([1])}.{_part(b'x')}",
    "payload is deep": lambda _, __: f"{_part({'alg': 'RS256'})}.{_part(b'[' * 9000)}.AA",
    "header is deep": lambda _, __: f"{_part(b'[' * 9000)}.{_part({})}.AA",
    "a number of many digits": lambda _, __: (
        f"{_part({'alg': 'RS256'})}.{_part(b'[' + b'9' * 9000 + b']')}.AA"
    ),
    "not a token": lambda _, __: "sig_" + "a" * 65,
    "not ASCII": lambda token, _: f"{token}\N{FULLWIDTH FULL STOP}",
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_token(world: ServerHarness, issuer: OidcIssuer, forged: str) -> None:
    trusting(world, issuer)
    token = FORGED[forged](issuer.token(AUDIENCE), issuer)
    assert refusal(exchange(world.now, token)) == NOT_ACCEPTED
    assert administration.list_keys(world.database) == []
    assert issuer.calls(part="stolen") == []
    key_of(exchange(world.now, issuer.token(AUDIENCE)))


def test_a_token_of_another_issuer(
    world: ServerHarness, issuer: OidcIssuer, tmp_path: Path
) -> None:
    trusting(world, issuer)
    with OidcIssuer(Authority(tmp_path / "other")) as other:
        other.claims, other.key_ids = dict(GITHUB), ["other-1"]
        for name in (other.url, issuer.url, f"{issuer.url}/", None):
            token = other.signed({"aud": AUDIENCE, "iss": name}, kid="key-1")
            assert refusal(exchange(world.now, token)) == NOT_ACCEPTED
        assert other.requests == []


def test_a_token_that_is_too_long(world: ServerHarness, issuer: OidcIssuer) -> None:
    trusting(world, issuer)
    answer = exchange(world.now, issuer.token(AUDIENCE, padding="x" * 20_000))
    assert problem(answer) == (413, "malformed-request")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": ID_TOKEN}, "invalid_request"),
        *[
            ({"lifetime": each}, "invalid_request")
            for each in ("59", "3601", "-1", "1e3", "\u0663" * 4)
        ],
    ],
)
def test_a_request_that_is_not_one(
    world: ServerHarness, issuer: OidcIssuer, changes: dict[str, str | None], error: str
) -> None:
    trusting(world, issuer)
    answer = exchange(world.now, issuer.token(AUDIENCE), **changes)
    assert refusal(answer) == (400, "malformed-request", error)


def test_other_bodies(world: ServerHarness) -> None:
    for options in (
        {"json": {"grant_type": "x"}},
        {"data": b"a=1&a=2", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"data": b"\xff=1", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {
            "data": b"grant_type=a&grant_type=a",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        {"data": b"&a=1" * 60, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
    ):
        answer = world.now.call("POST", "/api/v1/token-exchange", **options)
        assert refusal(answer) == (400, "malformed-request", "invalid_request")


def test_a_shorter_life_is_granted_and_no_longer_one(
    world: ServerHarness, issuer: OidcIssuer
) -> None:
    trusting(world, issuer)
    for wish, granted in (("60", 60), ("3600", 900)):
        answer = exchange(world.now, issuer.token(AUDIENCE, jti=wish), lifetime=wish)
        assert answer.json()["expires_in"] == granted
    lives = [each.key.lifetime for each in administration.list_keys(world.database)]
    assert lives == [timedelta(seconds=60), timedelta(seconds=900)]


def test_a_key_that_may_rotate_is_not_prolonged_by_it(
    world: ServerHarness, issuer: OidcIssuer
) -> None:
    trusting(world, issuer, purpose="rotate")
    later = world.at("10m")
    key = key_of(exchange(world.now, issuer.token(AUDIENCE)))
    certificate = add(world, "release", users=("ci",))
    assert problem(post_sign(world.now, key, certificate.thumbprint)) == (403, "purpose-denied")
    successor = later.rotate(key).new.text
    first, second = administration.list_keys(world.database)
    assert second.key.expires_at_utc == first.key.expires_at_utc
    assert second.key.trust_id == first.key.trust_id
    assert problem(world.at("16m").self(successor)) == (401, "key-expired")


def test_a_disabled_user_and_a_removed_trust(world: ServerHarness, issuer: OidcIssuer) -> None:
    trust_id = trusting(world, issuer, purpose="any")
    first = key_of(exchange(world.now, issuer.token(AUDIENCE, jti="1")))
    administration.set_user_enabled(world.database, "ci", enabled=False)
    assert refusal(exchange(world.now, issuer.token(AUDIENCE, jti="2"))) == NOT_ACCEPTED
    assert problem(world.now.self(first)) == (401, "key-disabled")
    administration.set_user_enabled(world.database, "ci", enabled=True)
    other = world.key()
    second = key_of(exchange(world.now, issuer.token(AUDIENCE, jti="2")))
    opened = world.now.open(second)
    assert trusts.remove_trust(world.database, trust_id) == 3
    for key in (first, second, opened.new.text):
        assert problem(world.now.self(key)) == (401, "key-revoked")
    assert world.now.self(other).status_code == 200
    assert refusal(exchange(world.now, issuer.token(AUDIENCE, jti="3"))) == NOT_ACCEPTED
    assert len(world.events("trust-removed")) == 1


def test_the_first_trust_that_allows_a_token_decides(
    world: ServerHarness, issuer: OidcIssuer
) -> None:
    world.user("other")
    trusting(world, issuer, ClaimRule("repository", "octo-org/elsewhere"))
    trusting(world, issuer, REPOSITORY, audience="https://elsewhere.example", user="other")
    trusting(world, issuer, REPOSITORY, ClaimRule("ref", "refs/heads/main"), user="other")
    trusting(world, issuer)
    client = world.now
    assert client.self(key_of(exchange(client, issuer.token(AUDIENCE)))).json()["owner"] == "other"
    token = issuer.token(AUDIENCE, jti="2", ref="refs/heads/next")
    assert client.self(key_of(exchange(client, token))).json()["owner"] == "ci"


def test_failures_of_one_address_are_limited(world: ServerHarness, issuer: OidcIssuer) -> None:
    trusting(world, issuer)
    client = world.serving(failures_burst=2, failures_per_second=0.001)
    token = issuer.token("https://elsewhere.example")
    answers = [exchange(client, token).status_code for _ in range(3)]
    assert answers == [400, 400, 429]
    key_of(exchange(client, issuer.token(AUDIENCE)))


def test_keys_of_tokens_do_not_fill_lists_and_webhooks(
    world: ServerHarness, issuer: OidcIssuer
) -> None:
    trusting(world, issuer)
    world.sweep()
    key_of(exchange(world.now, issuer.token(AUDIENCE)))
    world.sweep("1h")
    assert world.events("key-expired") == world.events("key-expires-soon") == []
    assert world.overview(1).key.deleted_at_utc is None
    world.sweep("25h")
    assert world.overview(1).key.deleted_at_utc is not None
    other = world.key()
    given = [f"--data-dir={world.file.parent}", f"--database={world.url}"]
    (listed,) = json.loads(command("key", "list", "--json", *given).stdout)
    assert listed["publicId"] in other


def _remembered(world: ServerHarness) -> int:
    with world.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM exchanged_tokens").scalar_one())
