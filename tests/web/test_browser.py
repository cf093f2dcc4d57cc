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
    "/none",
)


def test_signing_in_by_keyboard_alone(pages: Pages, chromium: Browser) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    with window(chromium, pages) as page:
        page.goto("/settings")
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{pages.url}/settings")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
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
        expect(page).to_have_url(f"{pages.url}/profile")
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{pages.url}/login")


def test_a_complaint_of_the_browser_fails_a_test(pages: Pages, chromium: Browser) -> None:
    with pytest.raises(AssertionError, match="Content Security Policy"):
        _break_the_policy(chromium, pages)


def _break_the_policy(chromium: Browser, pages: Pages) -> None:
    with window(chromium, pages) as page:
        page.goto("/login")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=color:red>')")
