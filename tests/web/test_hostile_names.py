"""Names that attack: whatever is stored, pages show it as text and as nothing else."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from playwright.sync_api import Browser
from sqlalchemy import Connection, insert

from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.schema import key_uses, keys, rotations, trusts
from signotaur_keyserver.service import sign_in
from signotaur_keyserver.service.sign_in import Origin
from signotaur_keyserver.store import events
from signotaur_wire.messages import RotationState
from web.browser import PHONE, overflow, window
from web.pages import Pages

COUNT = 500
_PARTS = (
    "<script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    '"><svg onload=window.owned=1>',
    "' autofocus onfocus='window.owned=1",
    "javascript:window.owned=1",
    "{{ 'x' * 9 }}",
    "{% raw %}",
    "</td></table></main>",
    "<!--",
    "&lt;b&gt;",
    "\u202eevil\u202c",
    "\u2066\u2067",
    "\u200b\u200d\ufeff",
    "שלום عليكم",
    "\x00\x07\x1b[31m",
    "\r\nSet-Cookie: owned=1",
    "Ż̵͇a̷l̴g̸o̶",
    "%s%n",
    "🏴‍☠️",
    "W" * 60,
    "\u2028\u2029",
    "https://evil.example/",
)
_INVISIBLE = tuple("\u202e\u202c\u2066\u2067\u200b\u200d\ufeff\u2028\u2029\x07\x1b")
PATHS = (
    "/keys",
    "/keys?sort=name&page=3",
    "/keys/1",
    "/keys/1/policy",
    "/rotations",
    "/certificates",
    "/users",
    "/users/1",
    "/events",
    "/profile",
    "/users/new",
    "/settings",
    "/settings/trusts/1/remove",
)


def hostile_names() -> Iterator[str]:
    """The same names in every run, each of them once."""
    chance = random.Random(11)  # noqa: S311 - no secret
    for number in range(COUNT):
        parts = chance.sample(_PARTS, k=chance.randint(1, 3))
        yield f"{''.join(parts)}"[:94].replace("\0", "\x01") + f" {number}"


def _fill(pages: Pages) -> None:
    """Store the names as people, keys, events, addresses and programs: past every rule."""
    for number, name in enumerate(hostile_names()):
        person = pages.add_person(name, name[:50], admin=number == 0)
        event = Event(Level.WARNING, EventType.SIGNED_IN, name, person.id, source=name[:64])
        with pages.world.database.write() as connection:
            now = pages.world.database.clock.now(connection)
            events.write(connection, now, event)
            _store_key(connection, number, name, person.id, now)
            if number < 60:
                _store_trust(connection, name, person.id, now)
                sign_in.begin(connection, pages.person(1), now, Origin(name, name))


def _store_key(
    connection: Connection, number: int, name: str, owner_id: int, now: datetime
) -> None:
    """Store a name as that of a key, of the network and client that used it, and of a run."""
    values = {"owner_id": owner_id, "name": name, "enabled": True, "created_at_utc": now}
    used = {"last_used_at_utc": now, "last_used_network": name[:64], "last_used_client": name}
    parts = {"public_id": f"{number:015}", "sha256": f"{number:064}", "purpose": "any"}
    origin = {"rotated_from_key_id": number or None}
    connection.execute(insert(keys).values(**values, **used, **parts, **origin))
    if number:
        connection.execute(
            insert(rotations).values(
                id=uuid5(NAMESPACE_URL, str(number)),
                old_key_id=number,
                new_key_id=number + 1,
                state=RotationState.CONFIRMED,
                overlap_days=7,
                auto_revoke=True,
                again=False,
                holder=name,
                opened_at_utc=now,
                lease_until_utc=now,
                overlap_end_utc=now + timedelta(days=7),
                confirmed_at_utc=now - timedelta(days=1),
                destinations=[{"kind": name, "outcome": name}],
            )
        )
    times = {"first_at_utc": now, "last_at_utc": now, "uses": 1}
    use = {"key_id": number + 1, "network": name[:64], "client": name}
    connection.execute(insert(key_uses).values(**use, **times))


def _store_trust(connection: Connection, name: str, user_id: int, now: datetime) -> None:
    """Store a name as what a trust says of tokens."""
    texts = {"issuer": name, "audience": name, "rules": [[name, name, False]], "purpose": "sign"}
    of_person = {"user_id": user_id, "added_by_user_id": user_id}
    times = {"life_seconds": 900, "created_at_utc": now}
    connection.execute(insert(trusts).values(**texts, **of_person, **times))


def test_hostile_names_are_shown_harmlessly(pages: Pages, chromium: Browser) -> None:
    _fill(pages)
    root = pages.signed_in(pages.person(1))
    for path in (*PATHS, *(f"/users/{number}" for number in range(2, COUNT + 1, 25))):
        text = root.get(path).text
        assert "<script>window" not in text
        assert "<img" not in text
        assert "xxxxxxxxx" not in text  # what the template language would make of it
        assert [letter for letter in _INVISIBLE if letter in text] == []
    with window(chromium, pages, pages.person(1), width=PHONE) as page:
        for path in PATHS:
            page.goto(path)
            assert page.evaluate("window.owned") is None
            assert page.locator("main").count() == 1
            assert overflow(page) == 0, path
    assert "owned" not in {cookie.name for cookie in root.session.cookies}


def test_hostile_names_in_forms(pages: Pages) -> None:
    root = pages.administrator()
    kept = refused = 0
    for name in hostile_names():
        answer = root.post("/users", {"name": name, "enabled": "on"})
        kept += answer.status_code == 303
        refused += answer.status_code == 422
        assert "<script>window" not in answer.text
    assert kept + refused == COUNT
    assert kept
    assert refused
