"""The page of events: who sees which, filters, paging, downloads."""

import json

import pytest

from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.store import events
from signotaur_wire.roles import AUDITOR
from web.pages import Pages, fault_of, text_of

pytestmark = pytest.mark.both_databases


def _write(pages: Pages, *written: Event) -> None:
    with pages.world.database.write() as connection:
        events.write(connection, pages.world.database.clock.now(connection), *written)


def _messages(pages: Pages, path: str) -> list[str]:
    visitor = pages.signed_in(pages.person(1))
    told = visitor.call("GET", path).json()
    return [event["message"] for event in told["events"]]


def test_events_are_found_by_level_text_user_and_key(pages: Pages) -> None:
    pages.add_person("root", admin=True)
    pages.add_person("ci")
    pages.world.key("ci")
    _write(
        pages,
        Event(Level.WARNING, EventType.ROTATION_HELD, "100% held", 2, 1),
        Event(Level.INFORMATION, EventType.SIGNED_IN, "1000 others", 1),
    )
    added = "Key 1 (build) was added for ci."
    assert _messages(pages, "/api/v1/events") == ["1000 others", "100% held", added]
    assert _messages(pages, "/api/v1/events?level=Warning") == ["100% held"]
    assert _messages(pages, "/api/v1/events?text=100%25") == ["100% held"]
    assert _messages(pages, "/api/v1/events?text=WAS+ADDED") == [added]
    assert _messages(pages, "/api/v1/events?text=key-add") == [added]
    assert _messages(pages, "/api/v1/events?user=1") == ["1000 others"]
    assert _messages(pages, "/api/v1/events?key=1") == ["100% held", added]
    assert _messages(pages, "/api/v1/events?key=1&level=Error") == []
    assert "No event matches." in text_of(pages.signed_in(pages.person(1)).get("/events?key=9"))


def test_pages_of_events_follow_each_other(pages: Pages) -> None:
    root = pages.administrator()
    _write(pages, *(Event(Level.INFORMATION, EventType.SIGNED_IN, f"n{n}") for n in range(120)))
    seen: list[str] = []
    before = ""
    while True:
        told = root.call("GET", f"/api/v1/events?text=n{before}").json()
        seen += [event["message"] for event in told["events"]]
        if told["nextBefore"] is None:
            break
        before = f"&before={told['nextBefore']}"
    assert seen == [f"n{n}" for n in reversed(range(120))]
    page = root.get("/events?text=n&level=Information")
    assert 'href="/events?level=Information&amp;text=n&amp;before=71" rel="next"' in page.text


def test_owners_see_their_own_events_alone(pages: Pages) -> None:
    owner = pages.signed_in(pages.add_person("ci"))
    pages.add_person("other")
    auditor = pages.signed_in(pages.add_person("eve", AUDITOR))
    pages.world.key("ci", "mine")
    pages.world.key("other", "theirs")
    assert "mine" in owner.get("/events").text
    for path in ("/events", "/events?key=2", "/events.txt", "/events.jsonl", "/api/v1/events"):
        assert "theirs" not in owner.get(path).text
        if "key=2" not in path:
            assert "theirs" in auditor.get(path).text


def test_downloads_have_one_line_for_each_event(pages: Pages) -> None:
    root = pages.administrator()
    hostile = "a\r\nb\u202e\x1b[31m"
    many = (Event(Level.WARNING, EventType.SIGNED_IN, hostile) for _ in range(1100))
    _write(pages, Event(Level.ERROR, EventType.SIGNED_IN, "first"), *many)
    text = root.get("/events.txt?level=Warning")
    assert text.headers["Content-Disposition"] == 'attachment; filename="events.txt"'
    lines = text.text.splitlines()
    assert len(lines) == 1100
    assert lines[0].isprintable()
    parsed = [json.loads(line) for line in root.get("/events.jsonl").text.splitlines()]
    assert len(parsed) == 1101
    assert parsed[0]["message"] == hostile
    assert parsed[-1]["message"] == "first"


def test_faults_of_a_search_stand_beside_their_field(pages: Pages) -> None:
    root = pages.administrator()
    answer = root.get("/events?key=soon&text=kept")
    assert (answer.status_code, fault_of(answer, "key")) == (422, "This is not a number.")
    assert 'value="kept"' in answer.text
    assert fault_of(root.get("/events?level=Loud"), "level") == "There is no such level."
    assert root.get("/events?user=99999999999999999999").status_code == 422
