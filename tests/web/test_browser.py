"""What needs a real browser: its own checks, the keyboard, narrow windows, and accessibility."""

import pytest
from playwright.sync_api import Browser, expect

from web.browser import DESK, PHONE, accessibility_faults, overflow, window
from web.pages import PASSWORD, Pages

PATHS = (
    "/login",
    "/profile",
    "/users",
    "/users/new",
    "/users/1",
    "/events",
    "/settings",
    "/settings/policy",
    "/settings/webhooks/new",
    "/settings/webhooks/deliveries",
    "/keys",
    "/keys/new",
    "/keys/clean-up",
    "/rotations",
    "/certificates",
    "/none",
)


def test_signing_in_by_keyboard_alone(pages: Pages, chromium: Browser) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    with window(chromium, pages) as page:
        page.goto("/settings")
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{pages.url}/settings")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "light"), (DESK, "dark")])
def test_every_page_is_accessible_and_fits(
    pages: Pages, chromium: Browser, width: int, scheme: str
) -> None:
    root = pages.add_person("root", admin=True)
    for path in PATHS:
        person = None if path == "/login" else root
        expected = ("404",) if path == "/none" else ()
        with window(
            chromium, pages, person, width=width, expected=expected, color_scheme=scheme
        ) as page:
            page.goto(path)
            assert accessibility_faults(page) == [], path
            assert overflow(page) == 0, path


def test_a_page_without_javascript_does_the_same(pages: Pages, chromium: Browser) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    with window(chromium, pages, java_script_enabled=False) as page:
        page.goto("/login")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{pages.url}/keys")
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{pages.url}/login")


def test_a_temporary_password_is_copied(pages: Pages, chromium: Browser) -> None:
    root = pages.add_person("root", admin=True)
    pages.add_person("ci")
    with window(chromium, pages, root, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto("/users/2")
        page.get_by_role("button", name="Set a temporary password").click()
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        shown = page.locator("#secret").inner_text()
        assert page.evaluate("navigator.clipboard.readText()") == shown
        assert accessibility_faults(page) == []
    assert pages.stranger().sign_in("ci", shown).status_code == 303


def test_an_administrator_revokes_keys(pages: Pages, chromium: Browser) -> None:
    root = pages.add_person("root", admin=True)
    pages.add_person("ci")
    keys = [pages.world.key("ci", name) for name in ("first", "second")]
    with window(chromium, pages, root) as page:
        page.goto("/users/2")
        page.get_by_label("Key 1, first").check()
        page.get_by_role("button", name="Revoke selected").click()
        expect(page.get_by_role("status")).to_have_text("Keys revoked: 1.")
        assert [pages.world.now.self(key).status_code for key in keys] == [401, 200]
        page.get_by_text("Revoke all keys of this user").click()
        page.get_by_role("button", name="Revoke all").click()
        expect(page.get_by_role("status")).to_have_text("Keys revoked: 1.")
        assert [pages.world.now.self(key).status_code for key in keys] == [401, 401]


def test_faults_are_announced_with_their_field(pages: Pages, chromium: Browser) -> None:
    root = pages.add_person("root", admin=True)
    with window(chromium, pages, root, width=PHONE, expected=("422",)) as page:
        page.goto("/users/new")
        page.get_by_label("Name").fill("root")
        page.get_by_label("Auditor").check()
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was changed. 1 field is")
        name = page.get_by_label("Name")
        expect(name).to_have_accessible_description("A user with this name already exists.")
        expect(name).to_have_value("root")
        expect(page.get_by_label("Auditor")).to_be_checked()
        assert accessibility_faults(page) == []
        assert overflow(page) == 0


def test_a_complaint_of_the_browser_fails_a_test(pages: Pages, chromium: Browser) -> None:
    with pytest.raises(AssertionError, match="Content Security Policy"):
        _break_the_policy(chromium, pages)


def _break_the_policy(chromium: Browser, pages: Pages) -> None:
    with window(chromium, pages) as page:
        page.goto("/login")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=color:red>')")
