"""Keys, rotations and certificates in a real browser."""

import re

from playwright.sync_api import Browser, Page, expect

from keyserver.certs import YEAR, add, lasting
from keyserver.harness import problem
from keyserver.uses import use
from signotaur_wire.roles import ROTATOR
from web.browser import PHONE, accessibility_faults, overflow, window
from web.pages import Pages


def _checked(page: Page, path: str) -> None:
    """Open a page, which must be accessible and fit."""
    page.goto(path)
    assert accessibility_faults(page) == [], path
    assert overflow(page) == 0, path


def test_create_copy_regenerate_revoke(pages: Pages, chromium: Browser) -> None:
    ci = pages.add_person("ci", ROTATOR)
    granted = ["clipboard-read", "clipboard-write"]
    with window(chromium, pages, ci, permissions=granted) as page:
        page.goto("/keys")
        page.get_by_role("link", name="Create a key").click()
        page.get_by_label("Name").fill("release")
        page.get_by_role("button", name="Create").click()
        key = page.locator("#secret").inner_text()
        assert pages.world.now.self(key).json()["name"] == "release"
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == key
        assert accessibility_faults(page) == []
        page.get_by_role("link", name="Go to the key").click()
        page.get_by_role("link", name="Regenerate").click()
        page.get_by_role("button", name="Regenerate").click()
        new = page.locator("#secret").inner_text()
        assert problem(pages.world.now.self(key)) == (401, "key-revoked")
        page.get_by_role("link", name="Go to the key").click()
        page.get_by_role("link", name="Revoke").click()
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("Key revoked.")).to_be_visible()
        assert problem(pages.world.now.self(new)) == (401, "key-revoked")
        page.get_by_role("link", name="Delete").click()
        _checked(page, "/keys/2/delete")
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("Key deleted.")).to_be_visible()


def test_a_reload_shows_no_key_and_makes_none(pages: Pages, chromium: Browser) -> None:
    ci = pages.add_person("ci")
    with window(chromium, pages, ci, expected=("409",)) as page:
        page.goto("/keys/new")
        page.get_by_label("Name").fill("release")
        page.get_by_role("button", name="Create").click()
        expect(page.locator("#secret")).to_be_visible()
        page.reload()
        expect(page.locator("#secret")).to_have_count(0)
        page.goto("/keys")
        expect(page.locator("tbody tr")).to_have_count(1)


def test_a_rotation_from_its_card_to_its_end(pages: Pages, chromium: Browser) -> None:
    ci, world = pages.add_person("ci", ROTATOR), pages.world
    old = world.key()
    world.now.rotate(old)
    stuck = world.now.open(world.key(name="stuck"))
    use(world, 1)
    with window(chromium, pages, ci, width=PHONE, java_script_enabled=True) as page:
        for path in (
            "/keys",
            "/keys/2",
            "/keys/2/rotation/end",
            "/keys/4/rotation/abort",
            "/keys/1/revoke",
            "/keys/1/regenerate",
            "/rotations",
        ):
            _checked(page, path)
        page.goto("/keys")
        page.get_by_role("link", name=re.compile("old key still in use")).click()
        page.locator("tbody").get_by_role("link").first.click()
        expect(page.get_by_text("192.0.2.0/24").last).to_be_visible()
        page.get_by_label("Extend by days").fill("3")
        page.get_by_role("button", name="Extend the overlap").click()
        expect(page.get_by_text("Overlap extended.")).to_be_visible()
        page.get_by_role("link", name="End the overlap now").click()
        page.get_by_role("button", name="End the overlap").click()
        expect(page.get_by_text("Overlap ended.")).to_be_visible()
        assert problem(world.now.self(old)) == (401, "key-revoked")
        page.goto("/keys/4")
        page.get_by_role("link", name="Abort the rotation").click()
        page.get_by_role("button", name="Abort the rotation").click()
        expect(page.get_by_text("Rotation aborted.")).to_be_visible()
        assert problem(world.now.self(stuck.new.text)) == (401, "key-revoked")


def test_two_certificates_behind_one_label(pages: Pages, chromium: Browser) -> None:
    pages.add_person("ci")
    root = pages.add_person("root", admin=True)
    add(pages.world, "production", lasting(YEAR, name="old"))
    add(pages.world, "production", lasting(2 * YEAR, name="new"))
    with window(chromium, pages, root, width=PHONE) as page:
        for path in ("/certificates", "/certificates/2", "/certificates/2/remove"):
            _checked(page, path)
        page.goto("/certificates/2")
        page.get_by_role("button", name="Disable").click()
        expect(page.get_by_text("Certificate disabled.")).to_be_visible()
        page.goto("/certificates")
        first = page.locator("tbody tr").first
        expect(first.get_by_text("signs for this label")).to_be_visible()
