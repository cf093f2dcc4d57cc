"""Fixtures of the tests of the web pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from keyserver.conftest import (
    cluster,
    dialect,
    empty_world,
    left_worlds,
    postgresql_template,
    pytest_generate_tests,
    template,
)
from keyserver.harness import ServerHarness
from web.browser import CHROMIUM, FLAGS
from web.pages import Pages, serving_pages

__all__ = [
    "cluster",
    "dialect",
    "empty_world",
    "left_worlds",
    "postgresql_template",
    "pytest_generate_tests",
    "template",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of ``make screenshots``; a whole run, which keeps them, does without it."""
    parser.addoption(
        "--update-screenshots", action="store_true", help="take the manual's pictures again"
    )


@pytest.fixture
def pages(empty_world: ServerHarness) -> Iterator[Pages]:
    """A server with pages, and no users."""
    with serving_pages(empty_world) as served:
        yield served


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window; the test is skipped where it is not installed."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed: scripts/system-packages test")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
