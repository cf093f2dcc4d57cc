"""How the keys of issuers are fetched: bounded, kept, and not more often than they must be."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from keyserver.exchanges import AUDIENCE, REPOSITORY, exchange, key_of, trusting
from keyserver.harness import ServerHarness, problem, wait_until
from signotaur_keyserver.domain.trusts import Trust
from signotaur_keyserver.pki.id_tokens import (
    IdTokenError,
    JwksError,
    KeySet,
    UnknownKeyIdError,
    fingerprint,
)
from signotaur_keyserver.service.issuer_keys import (
    FRESH,
    LARGEST,
    PAUSE,
    USABLE,
    IssuerKeys,
    IssuerUnavailableError,
)
from support.providers.exchange import Call, Reply, fail, hang
from support.providers.job_claims import GITHUB
from support.providers.oidc_issuer import DISCOVERY, KEYS, OidcIssuer, public_key
from support.tls import Authority


class Watch:
    """A clock of seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[OidcIssuer]:
    with OidcIssuer(Authority(tmp_path / "issuer")) as issuer:
        issuer.claims = dict(GITHUB)
        yield issuer


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def trust(issuer: OidcIssuer) -> Trust:
    return Trust(
        1,
        issuer.url,
        AUDIENCE,
        (REPOSITORY,),
        1,
        "ci",
        user_enabled=True,
        purpose="sign",
        life_seconds=900,
        created_at_utc=datetime.now(UTC),
        ca_pem=issuer.authority.ca_file.read_text(),
    )


def test_keys_are_fetched_once_and_again_when_they_are_old(
    issuer: OidcIssuer, trust: Trust, watch: Watch
) -> None:
    keys = IssuerKeys(watch)
    for seconds, fetches in ((0, 1), (FRESH - 1, 1), (FRESH, 2), (FRESH + 1, 2)):
        watch.seconds = seconds
        assert keys.claims(trust, issuer.token(AUDIENCE))["repository"] == "octo-org/octo-repo"
        assert len(issuer.calls(part=KEYS)) == len(issuer.calls(part=DISCOVERY)) == fetches


def test_an_unknown_id_has_the_keys_fetched_once_in_a_while(
    issuer: OidcIssuer, trust: Trust, watch: Watch
) -> None:
    keys = IssuerKeys(watch)
    keys.claims(trust, issuer.token(AUDIENCE))
    issuer.key_ids.append("key-2")
    with pytest.raises(UnknownKeyIdError):
        keys.claims(trust, issuer.token(AUDIENCE))
    watch.seconds = PAUSE
    keys.claims(trust, issuer.token(AUDIENCE))
    forged = issuer.signed({"aud": AUDIENCE}, kid="key-3")
    for _ in range(20):
        with pytest.raises(UnknownKeyIdError):
            keys.claims(trust, forged)
    assert len(issuer.calls(part=KEYS)) == 2
    keys.claims(trust, issuer.token(AUDIENCE))


def test_the_last_keys_are_used_for_a_day_while_the_issuer_is_down(
    issuer: OidcIssuer, trust: Trust, watch: Watch
) -> None:
    keys = IssuerKeys(watch)
    keys.claims(trust, issuer.token(AUDIENCE))
    issuer.faults = [fail("GET", "", 503, times=1000)]
    for seconds in (FRESH, USABLE - 1):
        watch.seconds = seconds
        keys.claims(trust, issuer.token(AUDIENCE))
    watch.seconds = USABLE + FRESH
    with pytest.raises(IssuerUnavailableError, match="the issuer answered 503"):
        keys.claims(trust, issuer.token(AUDIENCE))


def _document(body: Any) -> Any:
    return lambda _call: Reply(200, body)


FAULTS: dict[str, tuple[Any, str]] = {
    "redirect": (fail("GET", "", 302, headers={"Location": "https://elsewhere.example"}), "302"),
    "not found": (fail("GET", "", 404), "404"),
    "huge": (_document(b'{"a":"' + b"x" * LARGEST + b'"}'), f"more than {LARGEST} bytes"),
    "not JSON": (_document(b"<html>"), "no JSON"),
    "deep": (_document(b"[" * 60_000), "no JSON"),
    "not an object": (_document([1]), "of another issuer"),
    "another issuer": (
        _document({"issuer": "https://elsewhere.example", "jwks_uri": "https://a.example/k"}),
        "of another issuer",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_an_issuer_may_not_answer(issuer: OidcIssuer, trust: Trust, fault: str) -> None:
    answer, reason = FAULTS[fault]
    issuer.faults = [answer]
    with pytest.raises(IssuerUnavailableError, match=reason):
        IssuerKeys().claims(trust, issuer.token(AUDIENCE))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/keys",
        "https://127.0.0.1/keys",
        "https://elsewhere.example/keys",
        "file:///etc/passwd",
        "https://[",
        7,
        None,
    ],
)
def test_keys_come_from_the_issuers_own_host(issuer: OidcIssuer, trust: Trust, url: Any) -> None:
    issuer.jwks_uri = url
    with pytest.raises(IssuerUnavailableError, match="on the issuer's own host"):
        IssuerKeys().claims(trust, issuer.token(AUDIENCE))


@pytest.mark.parametrize("path", ["/k\u00e9ys", "/\ud800", "/a b"])
def test_a_url_of_keys_that_cannot_be_sent_is_no_answer(
    issuer: OidcIssuer, trust: Trust, path: str
) -> None:
    """Before, what is not ASCII ended the exchange with "internal error"."""
    issuer.jwks_uri = issuer.url + path
    with pytest.raises(IssuerUnavailableError, match="no answer"):
        IssuerKeys().claims(trust, issuer.token(AUDIENCE))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": ["x"]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "key-1"}]},
        {"keys": [{**public_key("key-1"), "alg": "HS256"}]},
        {"keys": [{**public_key("key-1"), "alg": "none"}]},
        {"keys": [{**public_key("key-1"), "alg": ["RS256"]}]},
        {"keys": [{**public_key("key-1"), "use": "enc"}]},
        {"keys": [{**public_key("key-1"), "n": "AQAB"}]},
        {"keys": [{**public_key("key-1"), "d": "AQAB"}]},
        {"keys": [{"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}]},
        {"keys": [public_key("key-1")] * 51},
    ],
)
def test_what_is_not_a_key_set(document: Any) -> None:
    with pytest.raises(JwksError):
        KeySet(document)


def test_a_slow_issuer_is_given_up(issuer: OidcIssuer, trust: Trust) -> None:
    issuer.faults = [hang(600, "GET")]
    with pytest.raises(IssuerUnavailableError, match="no answer"):
        IssuerKeys(seconds=0.5).claims(trust, issuer.token(AUDIENCE))


def test_nobody_waits_for_a_fetch_where_there_are_keys(
    issuer: OidcIssuer, trust: Trust, watch: Watch
) -> None:
    keys = IssuerKeys(watch, seconds=60)
    keys.claims(trust, issuer.token(AUDIENCE))
    watch.seconds = PAUSE
    asked, go_on = Event(), Event()

    def stall(_call: Call) -> None:
        asked.set()
        go_on.wait(60)

    issuer.faults = [stall]
    forged = issuer.signed({"aud": AUDIENCE}, kid="key-9")
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(keys.claims, trust, forged)
        assert asked.wait(60)
        keys.claims(trust, issuer.token(AUDIENCE))
        with pytest.raises(IssuerUnavailableError):
            keys.claims(trust, forged)
        go_on.set()
        with pytest.raises(UnknownKeyIdError):
            fetching.result()


def test_an_authority_that_is_not_trusted(issuer: OidcIssuer, trust: Trust) -> None:
    with pytest.raises(IssuerUnavailableError, match="certificate is not trusted"):
        IssuerKeys().claims(replace(trust, ca_pem=None), issuer.token(AUDIENCE))
    assert issuer.requests == []


def test_keys_from_a_file(issuer: OidcIssuer, trust: Trust) -> None:
    offline = replace(trust, jwks=issuer.key_set())
    keys = IssuerKeys()
    keys.claims(offline, issuer.token(AUDIENCE))
    # With one key alone, a token need not name it.
    keys.claims(offline, issuer.signed({"aud": AUDIENCE}, kid=None))
    with pytest.raises(IdTokenError):
        keys.claims(offline, issuer.signed({"aud": AUDIENCE}, kid="key-2"))
    two = replace(trust, jwks={"keys": [public_key("key-1"), public_key("key-2")]})
    with pytest.raises(IdTokenError):
        keys.claims(two, issuer.signed({"aud": AUDIENCE}, kid=None))
    assert issuer.requests == []


def test_a_second_signature_of_the_same_claims_is_the_same_token() -> None:
    assert fingerprint("a.b.c", {}) == fingerprint("a.b.d", {}) != fingerprint("a.c.c", {})
    assert fingerprint("a.b.c", {"jti": "1", "iss": "x"}) == fingerprint(
        "a.c.c", {"jti": "1", "iss": "x"}
    )
    assert fingerprint("a.b.c", {"jti": "1", "iss": "x"}) != fingerprint(
        "a.b.c", {"jti": "1", "iss": "y"}
    )


@pytest.mark.both_databases
def test_an_issuer_that_is_down_is_told_as_such(world: ServerHarness, issuer: OidcIssuer) -> None:
    trusting(world, issuer)
    issuer.faults = [fail("GET", "", 500)]
    answer = exchange(world.now, issuer.token(AUDIENCE))
    assert problem(answer) == (503, "unavailable")
    assert answer.headers["Retry-After"] == str(int(PAUSE))
    wait_until(lambda: bool(world.events("request-refused")))
    (event,) = world.events("request-refused")
    assert (event["level"], event["data"]["reason"]) == ("Warning", "the issuer answered 500")
    assert key_of(exchange(world.serving(), issuer.token(AUDIENCE)))
