"""Trusts on the pages: administrators add and remove them, auditors see them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from keyserver.exchanges import AUDIENCE, exchange, key_of, trusting
from keyserver.harness import problem, wait_until
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.domain.trusts import PLATFORMS, ClaimRule, Trust
from signotaur_keyserver.service import trusts
from signotaur_wire.roles import AUDITOR
from support.providers.job_claims import GITHUB
from support.providers.oidc_issuer import OidcIssuer, public_key
from support.tls import Authority
from web.browser import PHONE, accessibility_faults, overflow, window
from web.pages import Pages, fault_of, text_of

pytestmark = pytest.mark.both_databases

TWIN = "/api/v1/trusts"
TYPED = {
    "issuer": "github",
    "audience": AUDIENCE,
    "claims": "repository=acme/<app>\r\n\r\n environment=release \r\n",
    "claimPatterns": "ref=refs/tags/*\r\n",
    "user": "<b>ci</b>",
    "may": "any",
    "keyLifeSeconds": "300",
    "jwks": "",
    "caPem": "",
}
RULES = (
    ClaimRule("repository", "acme/<app>"),
    ClaimRule("environment", "release"),
    ClaimRule("ref", "refs/tags/*", pattern=True),
)


@pytest.fixture(autouse=True)
def user(pages: Pages) -> None:
    """The user of the trusts, with the id 1."""
    pages.add_person("<b>ci</b>")


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[OidcIssuer]:
    """An issuer on this machine: not at a public address."""
    with OidcIssuer(Authority(tmp_path / "issuer")) as issuer:
        issuer.claims = dict(GITHUB)
        yield issuer


def _trusts(pages: Pages) -> list[Trust]:
    return list(trusts.list_trusts(pages.world.database))


def _body(issuer: OidcIssuer) -> dict[str, Any]:
    return {
        "issuer": issuer.url,
        "audience": AUDIENCE,
        "user": "<b>ci</b>",
        "claims": ["repository=octo-org/octo-repo"],
        "caPem": issuer.authority.ca_file.read_text(),
    }


def test_a_trust_is_added_and_removed(pages: Pages) -> None:
    root = pages.administrator()
    assert "There is no trust" in text_of(root.get("/settings"))
    form = root.get("/settings/trusts/new").text
    assert 'value="900"' in form
    assert '<option value="sign" selected>' in form
    assert root.post("/settings/trusts", TYPED).headers["Location"] == "/settings"
    (trust,) = _trusts(pages)
    assert (trust.issuer, trust.audience, trust.rules) == (PLATFORMS["github"], AUDIENCE, RULES)
    assert (trust.user, trust.purpose, trust.life_seconds) == ("<b>ci</b>", "any", 300)
    assert (trust.jwks, trust.ca_pem, trust.added_by) == (None, None, "root")
    (event,) = pages.world.events("trust-added")
    assert (event["level"], event["user_id"], event["data"]["byUserId"]) == ("Security", 1, 2)
    assert event["data"]["rules"] == [str(rule) for rule in RULES]
    shown = root.get("/settings")
    words = text_of(shown)
    assert "Trust 1 added." in words
    assert "repository=acme/<app> , environment=release , ref~refs/tags/*" in words
    assert "rotate and sign, for 300 seconds" in words
    assert "by root none Remove" in words
    assert "acme/<app>" not in shown.text
    assert "<b>" not in shown.text
    assert "are revoked" in text_of(root.get("/settings/trusts/1/remove"))
    removed = root.post("/settings/trusts/1/remove")
    assert removed.headers["Location"] == "/settings"
    assert "Trust removed. Keys revoked: 0." in text_of(root.get("/settings"))
    assert _trusts(pages) == []
    assert root.post("/settings/trusts/1/remove").status_code == 404
    assert root.get("/settings/trusts/1/remove").status_code == 404
    (event,) = pages.world.events("trust-removed")
    assert event["data"] == {"byUserId": 2}


@pytest.mark.parametrize(
    ("field", "typed", "fault"),
    [
        ("issuer", "http://issuer.example", "An issuer is https://HOST/PATH without a query"),
        ("issuer", "https://me:secret@issuer.example", "An issuer is https://HOST/PATH"),
        ("audience", "", "An audience has 1 to 500 printable characters."),
        ("user", "nobody", "There is no user with this name."),
        ("claims", "", "At least one claim must be exact."),
        ("claims", "repository", "A claim is NAME=VALUE"),
        ("claims", "aud=x\r\nrepository=acme/app", "The claim aud has no rule"),
        ("claims", "environment=release", "Anybody can get a token of this issuer"),
        ("claimPatterns", "ref=main", "The pattern for ref has no *: give it as an exact claim."),
        ("may", "everything", "What a key may do is sign, rotate or any."),
        ("keyLifeSeconds", "3601", "A key lives from 60 to 3600 seconds."),
        ("keyLifeSeconds", "soon", "This is not a number."),
        ("jwks", "{", "This is not JSON."),
        ("jwks", '{"keys": [], "x": NaN}', "This is not JSON."),
        ("jwks", "null", "This is not a JSON object."),
        # Before, so many levels could be kept by one page and not be read by another.
        ("jwks", f'{{"keys": {"[" * 900}{"]" * 900}}}', "This has more than 8 levels"),
        ("jwks", '{"keys": []}', "It contains no public key that signs tokens."),
        ("caPem", "hello", "This contains no certificates in PEM form"),
        ("caPem", "f\u00fcr", "This contains no certificates in PEM form"),
    ],
)
def test_a_fault_stands_beside_its_field(pages: Pages, field: str, typed: str, fault: str) -> None:
    root = pages.administrator()
    root.get("/settings/trusts/new")
    answer = root.post("/settings/trusts", TYPED | {field: typed})
    assert answer.status_code == 422
    assert fault_of(answer, field).startswith(fault)
    words = text_of(answer)
    for kept in ("claims", "claimPatterns", "jwks"):
        lines = (TYPED | {field: typed})[kept].split()
        assert " ".join(lines) in words
    assert 'value="300"' in answer.text or field == "keyLifeSeconds"
    assert f'value="{typed}"' in answer.text or field not in ("issuer", "user", "keyLifeSeconds")
    assert _trusts(pages) == []


def test_a_script_adds_lists_and_removes(pages: Pages) -> None:
    root = pages.administrator()
    keys = {"keys": [public_key("key-1")]}
    body = {
        "issuer": "https://issuer.example.com",
        "audience": AUDIENCE,
        "user": "<b>ci</b>",
        "claims": ["sub=job 1"],
    }
    added = root.call("POST", TWIN, body | {"jwks": json.dumps(keys)})
    assert added.json() == {"id": 1}
    (trust,) = _trusts(pages)
    assert (trust.jwks, trust.purpose, trust.life_seconds) == (keys, "sign", 900)
    (told,) = root.call("GET", TWIN).json()["trusts"]
    assert told.pop("createdAt")
    assert told == {
        "id": 1,
        "issuer": "https://issuer.example.com",
        "audience": AUDIENCE,
        "claims": ["sub=job 1"],
        "user": "<b>ci</b>",
        "may": "sign",
        "keyLifeSeconds": 900,
        "fetchesKeys": False,
        "addedBy": "root",
        "lastExchangeAt": None,
    }
    refused = root.call("POST", TWIN, body | {"claimPatterns": ["ref"]})
    assert (refused.status_code, refused.json()["fields"]) == (422, ["claimPatterns"])
    assert root.call("POST", TWIN, {}).json()["fields"] == ["audience", "issuer", "user"]
    assert root.call("DELETE", f"{TWIN}/1").json() == {"removedId": 1, "revokedKeys": 0}
    assert root.call("DELETE", f"{TWIN}/1").status_code == 404


def test_auditors_see_trusts_and_owners_do_not(pages: Pages) -> None:
    root, auditor = pages.administrator(), pages.signed_in(pages.add_person("a", AUDITOR))
    owner = pages.signed_in(pages.person(1))
    root.get("/settings")
    root.post("/settings/trusts", TYPED)
    words = text_of(auditor.get("/settings"))
    assert PLATFORMS["github"] in words
    assert "Add a trust" not in words
    assert "Remove" not in words
    assert PLATFORMS["github"] not in owner.get("/settings").text
    assert problem(owner.call("GET", TWIN)) == (403, "not-allowed")
    for visitor in (auditor, owner):
        assert visitor.get("/settings/trusts/new").status_code == 403
        assert visitor.post("/settings/trusts", TYPED).status_code == 403
        assert problem(visitor.call("POST", TWIN, {})) == (403, "not-allowed")
        assert problem(visitor.call("DELETE", f"{TWIN}/1")) == (403, "not-allowed")
    assert len(_trusts(pages)) == 1


def test_an_administrator_whose_rights_ended_adds_nothing(pages: Pages) -> None:
    root = pages.add_person("root", admin=True)
    pages.add_person("other", admin=True)
    other = pages.signed_in(pages.person(3))
    other.call("PUT", "/api/v1/users/2", {"name": "root", "enabled": True})
    new = trusts.NewTrust("https://issuer.example", AUDIENCE, RULES, "<b>ci</b>", "sign", 900)
    with pytest.raises(RefusedError):
        trusts.add_trust(pages.world.database, new, root)
    assert _trusts(pages) == []


def test_an_issuer_of_the_pages_is_not_asked_in_a_private_network(
    pages: Pages, issuer: OidcIssuer
) -> None:
    world, root = pages.world, pages.administrator()
    assert root.call("POST", TWIN, _body(issuer)).status_code == 200
    refused = exchange(world.now, issuer.token(AUDIENCE))
    assert problem(refused) == (503, "unavailable")
    wait_until(lambda: bool(world.events("request-refused")))
    (event,) = world.events("request-refused")
    assert event["data"]["reason"] == "the name leads to an address that is not public"
    assert issuer.requests == []
    # The operator allows it, or trusts the issuer at the command line.
    allowed = world.serving(private_issuers=True)
    assert key_of(exchange(allowed, issuer.token(AUDIENCE, jti="1")))
    trusting(world, issuer, user="<b>ci</b>")
    assert key_of(exchange(world.serving(), issuer.token(AUDIENCE, jti="2")))
    by_page, by_command = root.call("GET", TWIN).json()["trusts"]
    assert (by_page["addedBy"], by_command["addedBy"]) == ("root", None)
    assert by_page["lastExchangeAt"] is not None
    assert by_command["lastExchangeAt"] is not None
    assert root.call("DELETE", f"{TWIN}/1").json() == {"removedId": 1, "revokedKeys": 1}
    words = text_of(root.get("/settings"))
    assert "at the command line" in words
    assert "none Remove" not in words


def test_in_a_browser(pages: Pages, chromium: Browser) -> None:
    root = pages.add_person("root", admin=True)
    with window(chromium, pages, root, width=PHONE, expected=("422",)) as page:
        page.goto("/settings")
        page.get_by_role("link", name="Add a trust").click()
        assert accessibility_faults(page) == []
        page.get_by_label("Issuer", exact=True).fill("gitlab")
        page.get_by_label("Audience").fill(AUDIENCE)
        page.get_by_label("Claims", exact=True).fill("ref_protected=true")
        page.get_by_label("User").fill("<b>ci</b>")
        page.get_by_role("button", name="Add").click()
        fault = page.locator("#claims-fault")
        expect(fault).to_contain_text("one of these claims must be exact")
        expect(page.get_by_label("Claims", exact=True)).to_have_value("ref_protected=true")
        assert accessibility_faults(page) == []
        assert overflow(page) == 0
        hostile = "project_path=" + "<script>window.owned=1</script>" + "W" * 100
        page.get_by_label("Claims", exact=True).fill(f"ref_protected=true\n{hostile}")
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_text("Trust 1 added.")).to_be_visible()
        expect(page.get_by_text(hostile)).to_be_visible()
        for path in ("/settings", "/settings/trusts/1/remove"):
            page.goto(path)
            assert accessibility_faults(page) == [], path
            assert overflow(page) == 0, path
        assert page.evaluate("window.owned") is None
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("Trust removed. Keys revoked: 0.")).to_be_visible()
