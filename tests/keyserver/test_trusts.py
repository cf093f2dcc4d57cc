"""Trusts: which are possible, what their rules allow, and the commands."""

import json
from pathlib import Path
from typing import Any

import pytest

from keyserver.exchanges import AUDIENCE, trusting
from keyserver.harness import ServerHarness
from keyserver.processes import command
from signotaur_keyserver.domain.trusts import PLATFORMS, ClaimRule, TrustError, rule_of
from signotaur_keyserver.service import trusts
from signotaur_keyserver.service.administration import AdministrationError
from support.providers.oidc_issuer import OidcIssuer, public_key
from support.tls import Authority

REF = ClaimRule("ref", "refs/heads/main")


@pytest.mark.parametrize(
    ("pattern", "value", "allowed"),
    [
        ("refs/heads/*", "refs/heads/main", True),
        ("refs/heads/*", "refs/heads/", True),
        ("refs/heads/*", "refs/heads/a/b", False),
        ("refs/heads/*", "refs/tags/main", False),
        ("refs/heads/*", "Refs/heads/main", False),
        ("refs/heads/*", "xrefs/heads/main", False),
        ("refs/heads/*", "refs/heads/main\n", True),
        ("repo:acme/*:environment:prod", "repo:acme/app:environment:prod", True),
        ("repo:acme/*:environment:prod", "repo:acme/app:ref:x:environment:prod", False),
        ("v*.*", "v1.2", True),
        ("v*.*", "v1x2", False),
        ("[ab]*", "ab", False),
        ("**", "x", True),
        ("**", "x/y", False),
        ("a*" * 100 + "b", "a" * 5000, False),
    ],
)
def test_patterns(pattern: str, value: str, allowed: bool) -> None:  # noqa: FBT001
    assert ClaimRule("ref", pattern, pattern=True).allows({"ref": value}) is allowed


@pytest.mark.parametrize(
    ("value", "claim", "allowed"),
    [
        ("true", True, True),
        ("True", True, False),
        ("1", 1, True),
        ("1", 1.0, False),
        ("1", True, False),
        ("refs/*", "refs/x", False),
        ("refs/*", "refs/*", True),
        ("caf\u00e9", "cafe\u0301", False),
        ("null", None, False),
        ("a", ["a"], False),
    ],
)
def test_exact_values(value: str, claim: object, allowed: bool) -> None:  # noqa: FBT001
    assert ClaimRule("ref", value).allows({"ref": claim}) is allowed


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("ref", False), ("=x", False), ("ref=", False), ("aud=x", False), ("ref=x", True)],
)
def test_what_is_not_a_rule(text: str, pattern: bool) -> None:  # noqa: FBT001
    with pytest.raises(TrustError):
        rule_of(text, pattern=pattern)


@pytest.mark.parametrize(
    ("levels", "possible"), [(7, True), (8, False), (950, False), (20_000, False)]
)
def test_a_valid_key_set_has_few_levels(tmp_path: Path, levels: int, *, possible: bool) -> None:
    """Before, about 950 levels beside a good key ended in an error of the database.

    Whether Python reads 950 levels depends on how deep its own stack is; it never reads 20,000.
    """
    with OidcIssuer(Authority(tmp_path / "issuer")) as issuer:
        nested = "[" * levels + "]" * levels
        text = json.dumps(issuer.key_set() | {"x": 0}).replace('"x": 0', f'"x": {nested}')
    given: dict[str, Any] = {
        "issuer": "https://issuer.example.com", "audience": AUDIENCE, "user": "ci",
        "claims": ["ref=refs/heads/main"], "claim_patterns": [], "may": "sign",
        "key_life_seconds": 300, "jwks": text, "ca_pem": None,
    }  # fmt: skip
    if possible:
        assert trusts.new_trust(**given).jwks == json.loads(text)
    else:
        with pytest.raises(trusts.TrustRefusedError, match="more than 8 levels"):
            trusts.new_trust(**given)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": "http://issuer.example"}, "an issuer is https"),
        ({"issuer": "https://issuer.example/?a=b"}, "an issuer is https"),
        ({"issuer": "https://me:secret@issuer.example"}, "an issuer is https"),
        ({"issuer": "https://"}, "an issuer is https"),
        ({"issuer": "https://[x"}, "an issuer is https"),
        ({"issuer": "gitea"}, "an issuer is https"),
        ({"audience": ""}, "an audience has"),
        ({"rules": ()}, "1 to 20 claims"),
        ({"rules": tuple(ClaimRule(f"c{i}", "x") for i in range(21))}, "1 to 20 claims"),
        ({"rules": (REF, ClaimRule("ref", "other"))}, "given twice"),
        ({"rules": (ClaimRule("ref", "*", pattern=True),)}, "at least one claim must be exact"),
        ({"issuer": PLATFORMS["github"], "rules": (REF,)}, "anybody can get a token"),
        (
            {
                "issuer": PLATFORMS["gitlab"],
                "rules": (REF, ClaimRule("project_path", "a/*", pattern=True)),
            },
            "anybody can get a token",
        ),
        ({"life_seconds": 3601}, "from 60 to 3600 seconds"),
        ({"life_seconds": 59}, "from 60 to 3600 seconds"),
        ({"purpose": "admin"}, "sign, rotate or any"),
        ({"user": "nobody"}, "no user with this name"),
        ({"jwks": {"keys": []}}, "no public key"),
    ],
)
def test_an_impossible_trust(world: ServerHarness, changes: dict[str, Any], reason: str) -> None:
    given: dict[str, Any] = {
        "issuer": "https://issuer.example",
        "audience": AUDIENCE,
        "rules": (REF,),
        "user": "ci",
        "purpose": "sign",
        "life_seconds": 900,
    }
    with pytest.raises(AdministrationError, match=reason):
        trusts.add_trust(world.database, trusts.NewTrust(**(given | changes)))
    assert trusts.list_trusts(world.database) == []


@pytest.mark.both_databases
def test_a_trust_is_kept_as_it_was_given(world: ServerHarness, tmp_path: Path) -> None:
    with OidcIssuer(Authority(tmp_path / "issuer")) as issuer:
        rules = (REF, ClaimRule("environment", "prod-*", pattern=True))
        trust_id = trusting(world, issuer, *rules, jwks=issuer.key_set())
        (trust,) = trusts.list_trusts(world.database)
        assert (trust.id, trust.issuer, trust.rules) == (trust_id, issuer.url, rules)
        assert (trust.user, trust.user_enabled, trust.jwks) == ("ci", True, issuer.key_set())
        with pytest.raises(AdministrationError, match="no trust 7"):
            trusts.remove_trust(world.database, 7)
        assert trusts.remove_trust(world.database, trust_id) == 0
        assert trusts.list_trusts(world.database) == []
        with pytest.raises(AdministrationError, match="no trust 1"):
            trusts.remove_trust(world.database, trust_id)


def test_there_is_a_limit(world: ServerHarness, tmp_path: Path) -> None:
    with OidcIssuer(Authority(tmp_path / "issuer")) as issuer:
        for _ in range(trusts.MAX_TRUSTS):
            trusting(world, issuer)
        with pytest.raises(AdministrationError, match="at most 100 trusts"):
            trusting(world, issuer)


def test_the_commands(tmp_path: Path) -> None:
    data = f"--data-dir={tmp_path / 'data'}"
    assert command("user", "add", "ci", data).returncode == 0
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [public_key("key-1")]}))
    add = ("trust", "add", "github", "--user=ci", f"--audience={AUDIENCE}", data)
    claims = ("--claim=repository=acme/app", "--claim-pattern=ref=refs/tags/*")
    done = command(*add, *claims, "--may=any", "--key-life=10m", f"--jwks-file={keys}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "trust 1 added\n")
    listed = command("trust", "list", data).stdout
    assert listed == (
        "     1  https://token.actions.githubusercontent.com  ci may any  "
        "repository=acme/app, ref~refs/tags/*\n"
    )
    (told,) = json.loads(command("trust", "list", "--json", data).stdout)
    assert (told["keyLifeSeconds"], told["fetchesKeys"], told["may"]) == (600, False, "any")
    assert told["addedBy"] is None
    assert told["claims"][1] == {"claim": "ref", "value": "refs/tags/*", "pattern": True}
    removed = command("trust", "remove", "1", data)
    assert removed.stderr == "trust 1 is removed; keys revoked: 0\n"
    assert command("trust", "remove", "1", data).returncode == 1
    assert [event["type"] for event in json.loads(command("events", "--json", data).stdout)] == [
        "user-added",
        "trust-added",
        "trust-removed",
    ]


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--claim=aud=x"], 10, "--claim: the claim aud has no rule"),
        (["--claim-pattern=ref=x"], 10, "has no *"),
        (["--claim=ref=x"], 1, "anybody can get a token"),
        (["--jwks-file=none.json"], 10, "--jwks-file: cannot read none.json"),
        (["--jwks-file=text"], 10, "--jwks-file: this is not JSON"),
        (["--jwks-file=binary"], 10, "is not text"),
        (["--jwks-file=large"], 10, "is longer than"),
        (["--ca-file=text"], 10, "--ca-file: this contains no certificates"),
        (["--ca-file=umlaut"], 10, "--ca-file: this contains no certificates"),
        (["--jwks-file=infinite"], 10, "--jwks-file: this is not JSON"),
        (["--jwks-file=null"], 10, "--jwks-file: this is not a JSON object"),
        (["--key-life=2h", "--claim=repository=a/b"], 1, "from 60 to 3600 seconds"),
        (["--may=everything"], 10, "--may"),
    ],
)
def test_wrong_options(
    options: list[str],
    code: int,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("hello")
    Path("umlaut").write_text("f\u00fcr")
    Path("infinite").write_text('{"keys": [], "x": 1e999}')
    Path("null").write_text("null")
    Path("binary").write_bytes(b"\xff")
    Path("large").write_bytes(b"1" * 300_000)
    data = f"--data-dir={tmp_path / 'data'}"
    assert command("user", "add", "ci", data).returncode == 0
    add = ("trust", "add", "github", "--user=ci", f"--audience={AUDIENCE}", data)
    refused = command(*add, *options)
    assert refused.returncode == code
    assert reason in refused.stderr
