"""A real browser that complains: of its console, its content security policy, other hosts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.web import protection
from web.pages import Pages

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESK = 390, 1280
"""Widths in pixels."""
_TIMEOUT = 60_000


@contextmanager
def window(
    chromium: Browser,
    pages: Pages,
    person: Person | None = None,
    *,
    width: int = DESK,
    expected: tuple[str, ...] = (),
    **context: Any,
) -> Iterator[Page]:
    """Open a window, signed in as a person, and fail if the browser complained of anything.

    ``expected`` are parts of console messages that are not complaints, such as of a 422.
    """
    opened = chromium.new_context(
        viewport={"width": width, "height": 900}, base_url=pages.url, **context
    )
    if person is not None:
        cookie = {"name": protection.SESSION, "value": pages.token(person), "url": pages.url}
        opened.add_cookies([cookie])  # type: ignore[list-item]
    page = opened.new_page()
    page.set_default_timeout(_TIMEOUT)
    complaints: list[str] = []
    ours = urlsplit(pages.url).netloc
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on(
        "request",
        lambda request: (
            None if urlsplit(request.url).netloc == ours else complaints.append(request.url)
        ),
    )
    try:
        yield page
        page.evaluate("0")  # what the browser complained of until now has come after this
        unexpected = [c for c in complaints if not any(part in c for part in expected)]
        assert unexpected == [], unexpected
    finally:
        opened.close()


def accessibility_faults(page: Page) -> list[str]:
    """Return axe-core's serious and critical findings on a page, each with the elements at fault.

    The policy of the pages forbids axe's inline script, so it runs through the debugger.
    """
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def overflow(page: Page) -> int:
    """Return by how many pixels a page is wider than its window."""
    width: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width
