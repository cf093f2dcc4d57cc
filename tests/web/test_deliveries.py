"""Webhooks on the settings page: a test message, and what became of the latest deliveries."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from keyserver.harness import ServerHarness, problem
from keyserver.receivers import Receiver
from signotaur_keyserver.service import webhooks
from signotaur_keyserver.service.webhook_post import Poster
from signotaur_keyserver.service.webhook_sender import WebhookSender
from signotaur_wire.roles import AUDITOR
from support.tls import Authority
from web.browser import PHONE, accessibility_faults, overflow, window
from web.pages import Pages, hidden, serving_pages, text_of

pytestmark = pytest.mark.both_databases

TWIN = "/api/v1/webhooks/1/test"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(Authority(tmp_path / "authority")) as running:
        yield running


@pytest.fixture
def poster(receiver: Receiver) -> Poster:
    """What reaches the receiver."""
    return Poster(allow_private=True, tls=receiver.trusting)


@pytest.fixture
def world(empty_world: ServerHarness) -> ServerHarness:
    """A world with the user ci, who may rotate."""
    empty_world.user()
    return empty_world


@pytest.fixture
def pages(world: ServerHarness, poster: Poster, receiver: Receiver) -> Iterator[Pages]:
    """A server that sends webhooks, and the webhook 1."""
    webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
    with serving_pages(world, webhooks=poster) as served:
        yield served


def test_a_test_message_is_sent_and_its_outcome_shown(pages: Pages, receiver: Receiver) -> None:
    root = pages.administrator()
    assert root.post("/settings/webhooks/1/test").headers["Location"] == "/settings"
    assert "Test of webhook 1: the receiver answered 204." in text_of(root.get("/settings"))
    assert json.loads(receiver.received[0].body)["type"] == "test"
    assert root.call("POST", TWIN).json() == {"status": 204, "error": None}
    receiver.statuses = [500, 500]
    failed = root.call("POST", TWIN).json()
    assert failed == {"status": 500, "error": "the receiver answered 500"}
    root.post("/settings/webhooks/1/test")
    assert "Test of webhook 1: the receiver answered 500." in text_of(root.get("/settings"))
    assert pages.world.events("webhook-tested") == []
    for path in ("/settings/webhooks/9/test", "/settings/webhooks/0/test"):
        assert root.post(path).status_code == 404


def test_a_receiver_that_is_not_there(pages: Pages, receiver: Receiver) -> None:
    root = pages.administrator()
    receiver.__exit__()
    told = root.call("POST", TWIN).json()
    assert (told["status"], told["error"][:10]) == (None, "no answer:")


def test_a_server_without_webhooks_says_so(world: ServerHarness, receiver: Receiver) -> None:
    webhooks.add_webhook(world.database, world.sealer, receiver.url, ())
    with serving_pages(world) as served:
        assert problem(served.administrator().call("POST", TWIN)) == (409, "not-possible")
    assert receiver.received == []


def test_the_latest_deliveries_are_shown(pages: Pages, receiver: Receiver, poster: Poster) -> None:
    root, auditor = pages.administrator(), pages.signed_in(pages.add_person("a", AUDITOR))
    assert "Nothing was sent to a webhook." in text_of(root.get("/settings/webhooks/deliveries"))
    for _ in range(3):
        pages.world.now.open(pages.world.key())
    receiver.statuses = [204, 500]
    sender = WebhookSender(pages.world.database, pages.world.sealer, poster)
    while sender.send_due():
        pass
    for visitor in (root, auditor):
        told = visitor.call("GET", "/api/v1/webhooks/deliveries")
        found = told.json()["deliveries"]
        assert [each["id"] for each in found] == sorted(
            (each["id"] for each in found), reverse=True
        )
        assert sorted(str(each["error"]) for each in found) == [
            "None",
            "None",
            "the receiver answered 500",
        ]
        assert hidden(["token=abc"], told)
        for path in ("/settings", "/settings/webhooks/deliveries"):
            shown = visitor.get(path)
            assert hidden(["token=abc"], shown)
            assert text_of(shown).count("rotation-opened") == 3
            assert "failed the receiver answered 500; next attempt" in text_of(shown)
    owner = pages.signed_in(pages.add_person("o"))
    assert owner.get("/settings/webhooks/deliveries").status_code == 403
    assert problem(auditor.call("POST", TWIN)) == (403, "not-allowed")


def test_in_a_browser(pages: Pages, chromium: Browser) -> None:
    pages.world.now.open(pages.world.key())
    root = pages.add_person("root", admin=True)
    with window(chromium, pages, root, width=PHONE) as page:
        page.goto("/settings")
        page.get_by_role("button", name="Test webhook 1").click()
        expect(page.get_by_text("the receiver answered 204")).to_be_visible()
        assert accessibility_faults(page) == []
        assert overflow(page) == 0
        page.get_by_role("link", name="All deliveries").click()
        expect(page.get_by_text("rotation-opened")).to_be_visible()
        assert accessibility_faults(page) == []
        assert overflow(page) == 0
