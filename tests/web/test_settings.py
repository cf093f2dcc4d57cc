"""Settings on the pages: the policy and webhooks, which administrators change."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from keyserver.harness import ServerHarness, problem
from signotaur_keyserver.domain.policy import Policy
from signotaur_keyserver.service import policies, webhooks
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_wire.roles import AUDITOR
from web.browser import PHONE, accessibility_faults, overflow, window
from web.pages import Pages, fault_of, hidden, text_of

pytestmark = pytest.mark.both_databases

URL = "https://hooks.example.com/services/T0KEN?x=1"
POLICY = {
    "expiryRequired": "on",
    "longestLifeDays": "90",
    "overlapDaysMin": "",
    "overlapDaysMax": "14",
    "networks": "192.0.2.0/24\r\n  2001:db8::/32 \r\n",
    "requestsPerMinute": "",
    "signaturesPerHour": "500",
}


def test_the_policy_is_changed_and_shown(pages: Pages) -> None:
    root = pages.administrator()
    root.get("/settings/policy")
    assert root.post("/settings/policy", POLICY).headers["Location"] == "/settings"
    assert policies.show_policy(pages.world.database) == Policy(
        expiry_required=True,
        longest_life_days=90,
        overlap_days_max=14,
        networks=("192.0.2.0/24", "2001:db8::/32"),
        signatures_per_hour=500,
    )
    (event,) = pages.world.events("policy-changed")
    assert (event["level"], event["data"]["byUserId"]) == ("Security", 2)
    words = text_of(pages.signed_in(pages.add_person("ci")).get("/settings"))
    assert "required, at most 90 days" in words
    assert "0 to 14 days" in words
    assert "192.0.2.0/24 2001:db8::/32" in words
    assert "Change the policy" not in words
    form = root.get("/settings/policy").text
    assert 'value="90"' in form
    assert "\n192.0.2.0/24\n2001:db8::/32</textarea>" in form


@pytest.fixture(autouse=True)
def master_key(empty_world: ServerHarness) -> None:
    """The master key is made with the first event."""
    empty_world.user("first")


@pytest.mark.parametrize(
    ("field", "typed", "fault"),
    [
        ("longestLifeDays", "0", "The longest life must be from 1 to 36500."),
        ("longestLifeDays", "many", "This is not a number."),
        ("longestLifeDays", "", "To require an expiry, set the longest life"),
        ("overlapDaysMax", "31", "An overlap is 0 to 30 days"),
        ("networks", "192.0.2.1/24", "A network is written like 192.0.2.0/24"),
        ("requestsPerMinute", "1000001", "Requests per minute must be from 1 to 1000000."),
        ("signaturesPerHour", "0", "Signatures per hour must be from 1 to 100000."),
    ],
)
def test_a_fault_of_the_policy_stands_beside_its_field(
    pages: Pages, field: str, typed: str, fault: str
) -> None:
    root = pages.administrator()
    root.get("/settings/policy")
    answer = root.post("/settings/policy", POLICY | {field: typed})
    assert answer.status_code == 422
    assert fault_of(answer, field).startswith(fault)
    assert 'value="500"' in answer.text or field == "signaturesPerHour"
    assert typed in answer.text
    assert policies.show_policy(pages.world.database) == Policy()


def test_a_script_replaces_the_policy(pages: Pages) -> None:
    root = pages.administrator()
    body = {"overlapDaysMin": 2, "networks": ["192.0.2.0/24"]}
    answer = root.call("PUT", "/api/v1/settings/policy", body)
    assert answer.status_code == 200
    assert root.call("GET", "/api/v1/settings/policy").json() == answer.json()
    assert (answer.json()["overlapDaysMin"], answer.json()["overlapDaysMax"]) == (2, None)
    assert answer.json()["networks"] == ["192.0.2.0/24"]
    refused = root.call("PUT", "/api/v1/settings/policy", {"overlapDaysMin": 31})
    assert refused.json()["fields"] == ["overlapDaysMax"]
    assert root.call("PUT", "/api/v1/settings/policy", {}).json()["networks"] == []
    assert policies.show_policy(pages.world.database) == Policy()


def test_changes_of_the_policy_at_once_are_all_kept(pages: Pages) -> None:
    database = pages.world.database
    fields = ("longest_life_days", "overlap_days_min", "requests_per_minute", "signatures_per_hour")
    values: list[dict[str, Any]] = [{field: 5} for field in fields]
    changes = [partial(policies.set_policy, database, **each) for each in values]
    with ThreadPoolExecutor(4) as pool:
        for change in [pool.submit(change) for change in changes]:
            change.result()
    assert policies.show_policy(database).to_json() == dict.fromkeys(fields, 5)


def test_a_webhook_is_added_and_removed(pages: Pages) -> None:
    root = pages.administrator()
    root.get("/settings/webhooks/new")
    fields = {"url": URL, "events": ["key-revoked", "old-key-used"]}
    added = root.post("/settings/webhooks", fields)
    (webhook,) = webhooks.list_webhooks(pages.world.database)
    secret = pages.world.sealer.unseal(webhook.sealed_secret, f"webhook {URL}").decode()
    assert secret in added.text
    assert (webhook.url, webhook.events) == (URL, ("key-revoked", "old-key-used"))
    again = root.post("/settings/webhooks", fields)
    assert fault_of(again, "url") == "There is a webhook with this URL already."
    settings = root.get("/settings")
    assert "hooks.example.com" in settings.text
    assert hidden([secret, "T0KEN"], settings)
    removed = root.post("/settings/webhooks/1/remove")
    assert removed.headers["Location"] == "/settings"
    assert webhooks.list_webhooks(pages.world.database) == []
    assert root.post("/settings/webhooks/1/remove").status_code == 404
    assert root.get("/settings/webhooks/1/remove").status_code == 404
    for event_type in ("webhook-added", "webhook-removed"):
        (event,) = pages.world.events(event_type)
        assert event["data"] == {"byUserId": 2}
        assert "T0KEN" not in event["message"]


def test_a_fault_of_a_webhook_stands_beside_its_field(pages: Pages) -> None:
    root = pages.administrator()
    root.get("/settings/webhooks/new")
    answer = root.post("/settings/webhooks", {"url": "http://x.example", "events": ["key-leaked"]})
    assert answer.status_code == 422
    assert fault_of(answer, "url") == "A URL is https://HOST/PATH."
    assert 'value="http://x.example"' in answer.text
    assert 'value="key-leaked" checked' in answer.text
    refused = root.call("POST", "/api/v1/webhooks", {"url": URL, "events": ["test"]})
    assert refused.json()["fields"] == ["events"]


def test_auditors_see_webhooks_and_their_latest_delivery(pages: Pages) -> None:
    root, auditor = pages.administrator(), pages.signed_in(pages.add_person("a", AUDITOR))
    answer = root.call("POST", "/api/v1/webhooks", {"url": URL})
    assert answer.json()["secret"].startswith("whsec_")
    pages.world.now.open(pages.world.key("first"))
    seen = auditor.call("GET", "/api/v1/webhooks")
    (webhook,) = seen.json()["webhooks"]
    assert (webhook["id"], webhook["host"], webhook["events"]) == (1, "hooks.example.com", [])
    assert webhook["latestAt"] is not None
    assert webhook["latestDeliveredAt"] is None
    assert hidden(["T0KEN", answer.json()["secret"]], seen)
    words = text_of(auditor.get("/settings"))
    assert "waiting since" in words
    assert "Add a webhook" not in words
    owner = pages.signed_in(pages.add_person("o"))
    assert "Webhooks" not in text_of(owner.get("/settings"))
    assert problem(owner.call("GET", "/api/v1/webhooks")) == (403, "not-allowed")
    assert root.call("DELETE", "/api/v1/webhooks/1").json() == {"removedId": 1}


def test_a_webhook_is_added_once_by_many(pages: Pages) -> None:
    world = pages.world

    def add(_: int) -> bool:
        try:
            webhooks.add_webhook(world.database, world.sealer, URL, ())
        except AdministrationError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(add, range(6))) == 1
    assert len(webhooks.list_webhooks(world.database)) == 1


def test_in_a_browser(pages: Pages, chromium: Browser) -> None:
    root = pages.add_person("root", admin=True)
    with window(chromium, pages, root, width=PHONE) as page:
        page.goto("/settings")
        page.get_by_role("link", name="Add a webhook").click()
        page.get_by_label("URL").fill(URL)
        page.get_by_label("key-expires-soon").check()
        page.get_by_role("button", name="Add").click()
        secret = page.locator("#secret").inner_text()
        assert secret.startswith("whsec_")
        assert secret not in json.dumps(pages.world.events(), default=str)
        assert accessibility_faults(page) == []
        for path in ("/settings", "/settings/webhooks/1/remove"):
            page.goto(path)
            assert accessibility_faults(page) == [], path
            assert overflow(page) == 0, path
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("Webhook removed.")).to_be_visible()
        page.get_by_role("link", name="Change the policy").click()
        page.get_by_label("Largest overlap, in days").fill("10")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("0 to 10 days")).to_be_visible()
