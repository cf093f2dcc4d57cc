"""The policy of a key on its page: shown to all who see the key, changed by administrators."""

import pytest
from playwright.sync_api import Browser, expect

from keyserver.harness import problem
from signotaur_keyserver.domain.policy import Purpose
from signotaur_keyserver.service import policies
from signotaur_wire.roles import AUDITOR, ROTATOR
from web.browser import PHONE, accessibility_faults, overflow, window
from web.pages import Pages, fault_of, text_of

pytestmark = pytest.mark.both_databases

PATH = "/keys/1/policy"
TWIN = f"/api/v1{PATH}"
TYPED = {
    "purpose": "rotate",
    "overlapDaysMin": "",
    "overlapDaysMax": "14",
    "networks": "127.0.0.0/8\r\n  2001:db8::/32 \r\n",
    "requestsPerMinute": "",
    "signaturesPerHour": "500",
}


@pytest.fixture
def key(pages: Pages) -> str:
    """A key of the user ci, who has the id 1."""
    pages.add_person("ci", ROTATOR)
    return pages.world.key()


def test_an_administrator_changes_the_policy_of_a_key(pages: Pages, key: str) -> None:
    root = pages.administrator()
    assert 'value="any" selected' in root.get(PATH).text
    assert root.post(PATH, TYPED).headers["Location"] == "/keys/1"
    policy = policies.show_key_policy(pages.world.database, 1)
    assert policy.purpose is Purpose.ROTATE
    assert policy.own == {
        "overlap_days_max": 14,
        "networks": ["127.0.0.0/8", "2001:db8::/32"],
        "signatures_per_hour": 500,
    }
    (event,) = pages.world.events("key-policy-changed")
    assert (event["level"], event["key_id"], event["data"]["byUserId"]) == ("Security", 1, 2)
    words = text_of(root.get("/keys/1"))
    assert "Policy saved." in words
    assert "rotates only, overlap 0 to 14 days, from 127.0.0.0/8 2001:db8::/32" in words
    assert "500 signatures per hour" in words
    form = root.get(PATH).text
    assert 'value="rotate" selected' in form
    assert "\n127.0.0.0/8\n2001:db8::/32</textarea>" in form
    assert pages.world.now.self(key).status_code == 200
    root.post(PATH, TYPED | {"networks": "192.0.2.0/24"})
    assert problem(pages.world.now.self(key)) == (403, "network-denied")


@pytest.mark.parametrize(
    ("field", "typed", "fault"),
    [
        ("purpose", "everything", "There is no such purpose."),
        ("overlapDaysMin", "many", "This is not a number."),
        ("overlapDaysMax", "31", "An overlap is 0 to 30 days"),
        ("networks", "192.0.2.1/24", "A network is written like 192.0.2.0/24"),
        ("requestsPerMinute", "1000001", "Requests per minute must be from 1 to 1000000."),
        ("signaturesPerHour", "0", "Signatures per hour must be from 1 to 100000."),
    ],
)
@pytest.mark.usefixtures("key")
def test_a_fault_stands_beside_its_field(pages: Pages, field: str, typed: str, fault: str) -> None:
    root = pages.administrator()
    root.get(PATH)
    answer = root.post(PATH, TYPED | {field: typed})
    assert answer.status_code == 422
    assert fault_of(answer, field).startswith(fault)
    assert typed in answer.text or field == "purpose"
    assert policies.show_key_policy(pages.world.database, 1).own == {}


@pytest.mark.usefixtures("key")
def test_a_script_replaces_the_policy(pages: Pages) -> None:
    root = pages.administrator()
    policies.set_policy(pages.world.database, signatures_per_hour=9, overlap_days_max=20)
    answer = root.call("PUT", TWIN, {"purpose": "sign", "requestsPerMinute": 60})
    assert answer.status_code == 200
    assert root.call("GET", TWIN).json() == answer.json()
    own, effective = answer.json()["own"], answer.json()["effective"]
    assert (own["purpose"], own["requestsPerMinute"], own["signaturesPerHour"]) == (
        "sign",
        60,
        None,
    )
    assert (effective["signaturesPerHour"], effective["overlapDaysMax"]) == (9, 20)
    assert root.call("PUT", TWIN, {"purpose": "x"}).json()["fields"] == ["purpose"]
    assert root.call("PUT", TWIN, {}).json()["own"]["purpose"] == "any"
    assert problem(root.call("PUT", "/api/v1/keys/9/policy", {})) == (404, "not-found")


@pytest.mark.usefixtures("key")
def test_others_see_the_policy_of_keys_that_they_see(pages: Pages) -> None:
    owner = pages.signed_in(pages.person(1))
    stranger = pages.signed_in(pages.add_person("stranger"))
    auditor = pages.signed_in(pages.add_person("audit", AUDITOR))
    for visitor in (owner, auditor):
        assert visitor.call("GET", TWIN).json()["own"]["purpose"] == "any"
        words = text_of(visitor.get("/keys/1"))
        assert "rotates and signs, overlap 0 to 30 days." in words
        assert "Change the policy" not in words
        assert problem(visitor.call("PUT", TWIN, {})) == (403, "not-allowed")
        assert visitor.get(PATH).status_code == 403
    assert problem(stranger.call("GET", TWIN)) == (404, "not-found")


@pytest.mark.usefixtures("key")
def test_a_deleted_key_keeps_its_policy(pages: Pages) -> None:
    root = pages.administrator()
    root.call("POST", "/api/v1/keys/1/revocation")
    root.call("DELETE", "/api/v1/keys/1")
    assert problem(root.call("PUT", TWIN, {"purpose": "sign"})) == (404, "not-found")
    assert pages.world.events("key-policy-changed") == []


@pytest.mark.usefixtures("key")
def test_in_a_browser(pages: Pages, chromium: Browser) -> None:
    root = pages.add_person("root", admin=True)
    with window(chromium, pages, root, width=PHONE) as page:
        page.goto("/keys/1")
        page.get_by_role("link", name="Change the policy").click()
        assert accessibility_faults(page) == []
        assert overflow(page) == 0
        page.get_by_label("What the key may do").select_option("sign only")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("signs only")).to_be_visible()
        assert accessibility_faults(page) == []
