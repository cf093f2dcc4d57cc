"""The pictures of the manual: ``make screenshots`` takes them again; look at them then."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from docs.pages import PAGES, ROOT
from signotaur_keyserver.domain.trusts import PLATFORMS, ClaimRule
from signotaur_keyserver.runtime.tls import ensure_self_signed
from signotaur_keyserver.service import trusts, webhooks
from signotaur_keyserver.web.site import SiteOptions
from signotaur_wire.roles import AUDITOR, ROTATOR
from web.browser import DESK, PHONE, window
from web.pages import Pages, serving_pages

IMAGES = ROOT / "docs" / "images"
SHOTS = {
    "login": "/login",
    "keys": "/keys",
    "key": "/keys/5",
    "rotations": "/rotations",
    "profile": "/profile",
    "users": "/users",
    "user": "/users/2",
    "events": "/events",
    "settings": "/settings",
}
SIZES = [(width, scheme) for width in (PHONE, DESK) for scheme in ("light", "dark")]


def _fill(pages: Pages) -> None:
    for name, roles, admin in (
        ("administrator", (), True),
        ("release builds", (ROTATOR,), False),
        ("nightly builds", (ROTATOR,), False),
        ("audit", (AUDITOR,), False),
    ):
        pages.add_person(name, *roles, admin=admin)
    pages.set_password("administrator")
    pages.set_password("audit", temporary=True)
    for owner, name, days in (
        ("release builds", "GitHub: release.yml", 90),
        ("release builds", "Jenkins: sign installer", 30),
        ("nightly builds", "nightly", 365),
    ):
        pages.world.key(owner, name, timedelta(days))
    database, client = pages.world.database, pages.world.now
    rules = (ClaimRule("repository", "acme/app"), ClaimRule("environment", "release"))
    github, audience = PLATFORMS["github"], "https://keys.example.com"
    new = trusts.NewTrust(github, audience, rules, "release builds", "sign", 900)
    trusts.add_trust(database, new, pages.person(1))
    webhooks.add_webhook(database, pages.world.sealer, "https://hooks.example.com/", ())
    old = pages.world.key("release builds", "Continua CI")
    opened = client.open(old)
    told = [{"kind": "vault", "outcome": "delivered"}, {"kind": "continua", "outcome": "delivered"}]
    client.confirm(opened.new.text, opened.id, json={"destinations": told})
    client.self(old)  # somebody still uses it
    root = pages.signed_in(pages.person(1))
    root.post("/users/3", {"name": "nightly builds", "roles": [ROTATOR]})
    root.post("/users/2/revocations", {"keyIds": [2]})


def test_pages_are_photographed(
    pages: Pages, chromium: Browser, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    authority = ensure_self_signed(tmp_path, ["keys.example.com"]).authority
    update = pytestconfig.getoption("--update-screenshots", default=False)
    _fill(pages)
    with serving_pages(pages.world, SiteOptions(authority=authority)) as served:
        # That the pictures can be taken is seen at one width; all of them are for the manual.
        for width, scheme in SIZES if update else SIZES[:1]:
            for name in SHOTS:
                shot = (IMAGES if update else tmp_path) / f"{name}-{width}-{scheme}.png"
                _photograph(served, chromium, name, shot, width=width, color_scheme=scheme)
                assert shot.stat().st_size > 5_000


def _photograph(served: Pages, chromium: Browser, name: str, shot: Path, **size: Any) -> None:
    person = None if name == "login" else served.person(1)
    with window(chromium, served, person, **size) as page:
        # A picture is as high as its page, and no higher.
        page.set_viewport_size({"width": size["width"], "height": 200})
        page.goto(SHOTS[name])
        for details in page.locator("details").all():
            details.evaluate("element => { element.open = true }")
        page.screenshot(path=shot, full_page=True)


def test_the_manual_has_a_picture_of_every_page() -> None:
    expected = {f"{name}-{width}-{scheme}.png" for name in SHOTS for width, scheme in SIZES}
    assert expected <= {path.name for path in IMAGES.iterdir()}


def test_every_picture_in_the_manual_exists() -> None:
    for page, text in PAGES.items():
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
            assert (ROOT / page).parent.joinpath(target).is_file(), target
