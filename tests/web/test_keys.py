"""The pages of keys: list, decisions, create, regenerate, revoke, delete, clean up, lineage."""

import re
from datetime import datetime, timedelta

import pytest
import requests
from sqlalchemy import insert

from keyserver.harness import ServerHarness, problem
from keyserver.statements import executed
from keyserver.uses import use
from signotaur_keyserver.domain.schema import keys
from signotaur_wire.roles import AUDITOR, ROTATOR
from web.pages import Pages, Visitor, fault_of, text_of

pytestmark = pytest.mark.both_databases

_SECRET = re.compile(r'<code class="secret" id="secret" tabindex="0">([^<]+)</code>')
_NUMBER = re.compile(r'name="number" value="([0-9A-Za-z]{15})"')


def owner(pages: Pages) -> Visitor:
    """The user ci, whose keys ``world.key`` makes."""
    return pages.signed_in(pages.add_person("ci", ROTATOR))


def shown_key(answer: requests.Response) -> str:
    found = _SECRET.search(answer.text)
    assert found is not None, answer.text
    return found.group(1)


def number_of(visitor: Visitor) -> str:
    found = _NUMBER.search(visitor.get("/keys/new").text)
    assert found is not None
    return found.group(1)


def test_a_key_is_created_and_shown_once(pages: Pages) -> None:
    visitor = owner(pages)
    fields = {"name": "release", "lifetimeDays": "90", "number": number_of(visitor)}
    made = visitor.post("/keys", fields)
    text = shown_key(made)
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    assert text not in made.url
    told = pages.world.now.self(text).json()
    assert (told["name"], told["owner"]) == ("release", "ci")
    again = visitor.post("/keys", fields)
    assert again.status_code == 409
    assert "was sent before" in text_of(again)
    for path in ("/keys", "/keys/1", "/events", "/events?key=1"):
        assert text[20:] not in visitor.get(path).text
    assert "1 key" not in text_of(visitor.get("/keys?search=other"))
    assert visitor.call("GET", "/api/v1/keys").json()["total"] == 1


def test_a_wrong_form_keeps_what_was_typed(pages: Pages) -> None:
    visitor = owner(pages)
    answer = visitor.post(
        "/keys", {"name": "x" * 101, "lifetimeDays": "30", "number": number_of(visitor)}
    )
    assert answer.status_code == 422
    assert fault_of(answer, "name").startswith("A name has")
    assert "x" * 101 in answer.text
    assert '<option value="30" selected>' in answer.text
    assert fault_of(
        visitor.post("/keys", {"name": "a", "lifetimeDays": "31", "number": number_of(visitor)}),
        "lifetimeDays",
    ).startswith("Choose 30")


def test_a_form_without_a_number_makes_no_key(pages: Pages) -> None:
    visitor = owner(pages)
    for number in ("", "short", "<script>", "a" * 16):
        answer = visitor.post("/keys", {"name": "a", "number": number})
        assert answer.status_code == 422
    assert visitor.call("GET", "/api/v1/keys").json()["total"] == 0


def test_an_administrator_creates_a_key_for_another_user(pages: Pages) -> None:
    pages.add_person("ci")
    root = pages.administrator()
    fields = {"name": "a", "owner": "ci", "number": number_of(root)}
    text = shown_key(root.post("/keys", fields))
    assert pages.world.now.self(text).json()["owner"] == "ci"
    fields |= {"owner": "nobody", "number": number_of(root)}
    assert fault_of(root.post("/keys", fields), "owner").startswith("There is no such user")


def test_the_list_shows_state_days_use_and_hint(pages: Pages) -> None:
    visitor = owner(pages)
    key = pages.world.key(lifetime=timedelta(days=9))
    use(pages.world, 1)
    page = visitor.get("/keys")
    text = text_of(page)
    assert "expires soon" in text
    assert "8 days left" in text
    assert "192.0.2.0/24 , signotaur-action 2.0" in text
    assert f"{key[:10]}…" in text
    assert "1 key: expires within 14 days" in text
    assert key[:19] not in text


def test_the_cards_narrow_the_list(pages: Pages) -> None:
    visitor = owner(pages)
    pages.world.key(name="short", lifetime=timedelta(days=9))
    pages.world.key(name="eternal", lifetime=None)
    page = visitor.get("/keys?concern=never-expires")
    assert "eternal" in page.text
    assert ">short<" not in page.text
    assert 'aria-current="true"' in page.text
    assert "/keys?" in page.text


def test_search_sort_and_pages(pages: Pages) -> None:
    visitor = owner(pages)
    for number in range(53):
        pages.world.key(name=f"key {number:02}")
    first, second = (visitor.get(f"/keys?sort=name&page={page}").text for page in (1, 2))
    assert "Page 1 of 2, 53 keys" in first
    assert "key 00" in first
    assert "key 52" not in first
    assert "key 52" in second
    assert 'rel="next"' in first
    assert 'aria-sort="ascending"' in first
    found = visitor.get("/keys?search=key+07")
    assert "key 07" in found.text
    assert "key 08" not in found.text


@pytest.mark.parametrize(
    "query",
    ["state=other", "concern=x", "whose=x", "sort=secret", "page=0", "page=x", "page=99999999999"],
)
def test_a_query_that_is_not_valid_is_refused(pages: Pages, query: str) -> None:
    visitor = owner(pages)
    assert visitor.get(f"/keys?{query}").status_code == 422
    assert visitor.call("GET", f"/api/v1/keys?{query}").status_code == 422
    assert visitor.get("/keys?page=999").status_code == 200


def test_others_keys_are_seen_by_administrators_and_auditors_alone(pages: Pages) -> None:
    pages.add_person("ci")
    pages.world.key()
    other = pages.signed_in(pages.add_person("other"))
    auditor = pages.signed_in(pages.add_person("auditor", AUDITOR))
    root = pages.administrator()
    assert other.call("GET", "/api/v1/keys").json()["total"] == 0
    assert other.get("/keys/1").status_code == 404
    for visitor in (auditor, root):
        assert visitor.call("GET", "/api/v1/keys").json()["total"] == 1
        assert visitor.get("/keys/1").status_code == 200
        assert visitor.call("GET", "/api/v1/keys?whose=mine").json()["total"] == 0
    assert "Regenerate" not in auditor.get("/keys/1").text
    assert "Create a key" not in auditor.get("/keys").text
    assert "Regenerate" in root.get("/keys/1").text


def test_a_key_is_disabled_and_enabled(pages: Pages) -> None:
    visitor, key = owner(pages), pages.world.key()
    visitor.get("/keys/1")
    assert visitor.post("/keys/1/state").status_code == 303
    assert problem(pages.world.now.self(key)) == (401, "key-disabled")
    assert "Key disabled." in text_of(visitor.get("/keys/1"))
    visitor.post("/keys/1/state", {"enabled": "on"})
    assert pages.world.now.self(key).status_code == 200
    answer = visitor.call("PUT", "/api/v1/keys/1/state", {"enabled": False}).json()
    assert (answer["key"]["state"], answer["key"]["enabled"]) == ("disabled", False)


def test_revoking_asks_first_and_cannot_be_undone(pages: Pages) -> None:
    visitor, key = owner(pages), pages.world.key()
    assert "cannot be undone" in text_of(visitor.get("/keys/1/revoke"))
    assert pages.world.now.self(key).status_code == 200
    assert visitor.post("/keys/1/revoke").headers["Location"] == "/keys/1"
    assert problem(pages.world.now.self(key)) == (401, "key-revoked")
    assert visitor.call("POST", "/api/v1/keys/1/revocation", {}).status_code == 200
    refused = visitor.call("PUT", "/api/v1/keys/1/state", {"enabled": True})
    assert problem(refused) == (409, "not-possible")


def test_regenerating_says_that_rotate_key_is_the_way(pages: Pages) -> None:
    visitor, key = owner(pages), pages.world.key()
    page = visitor.get("/keys/1/regenerate")
    assert "rotate-key" in page.text
    made = visitor.post("/keys/1/regenerate", {"changeExpiry": "on", "lifetimeDays": "30"})
    new = shown_key(made)
    assert problem(pages.world.now.self(key)) == (401, "key-revoked")
    assert pages.world.now.self(new).json()["rotatedFromKeyId"] == 1
    again = visitor.post("/keys/1/regenerate", {"changeExpiry": "on", "lifetimeDays": "30"})
    assert again.status_code == 409
    assert "Regenerated from key 1" in text_of(visitor.get("/keys/2"))
    answer = visitor.call("POST", "/api/v1/keys/2/regeneration", {})
    assert pages.world.now.self(answer.json()["key"]).json()["id"] == answer.json()["id"] == 3


def test_a_dead_key_is_deleted(pages: Pages) -> None:
    visitor = owner(pages)
    pages.world.key()
    visitor.get("/keys/1/delete")
    assert visitor.post("/keys/1/delete").status_code == 409
    visitor.post("/keys/1/revoke")
    assert visitor.post("/keys/1/delete").headers["Location"] == "/keys"
    assert visitor.call("GET", "/api/v1/keys").json()["total"] == 0
    assert visitor.call("DELETE", "/api/v1/keys/1").status_code == 404
    assert "deleted" in text_of(visitor.get("/keys/1"))


def test_a_clean_up_names_how_many(pages: Pages) -> None:
    visitor = owner(pages)
    pages.world.key(lifetime=timedelta(microseconds=1))
    key = pages.world.key()
    page = visitor.get("/keys/clean-up")
    assert "expired (1)" in text_of(page)
    assert "revoked (0)" in text_of(page)
    nothing = visitor.post("/keys/clean-up")
    assert nothing.status_code == 422
    assert "Choose at least one category." in text_of(nothing)
    assert visitor.post("/keys/clean-up", {"categories": ["expired", "revoked"]}).status_code == 303
    assert "Keys deleted: 1." in text_of(visitor.get("/keys"))
    assert pages.world.now.self(key).status_code == 200
    body = {"categories": ["active"]}
    assert visitor.call("POST", "/api/v1/keys/clean-up", body).status_code == 422
    body = {"categories": ["revoked"]}
    assert visitor.call("POST", "/api/v1/keys/clean-up", body).json() == {"deleted": 0}


def test_the_lineage_shows_the_line_and_who_still_uses_the_old_key(pages: Pages) -> None:
    visitor, world = owner(pages), pages.world
    world.now.rotate(world.key(), holder="run <7>")
    use(world, 1, timedelta(hours=1))
    page = visitor.get("/keys/2")
    text = text_of(page)
    assert "Rotated from key 1 by run <7> , opened" in text
    assert "Who used key 1 after the confirmation" in text
    assert "192.0.2.0/24 signotaur-action 2.0" in text
    assert "<progress max=" in page.text
    told = visitor.call("GET", "/api/v1/keys/2").json()
    new, old = told["lineage"]
    assert (new["rotation"]["holder"], old["rotation"]) == ("run <7>", None)
    assert old["lateUses"][0]["uses"] == 3
    assert new["extensionDays"] == 23
    assert "1 key: old key still in use" in text_of(visitor.get("/keys"))


def test_a_rotation_shows_its_destinations_if_they_were_reported(pages: Pages) -> None:
    visitor = owner(pages)
    client = pages.world.now
    told = [{"kind": "vault", "outcome": "delivered"}, {"kind": "key-file", "outcome": "held"}]
    opened = client.open(pages.world.key())
    client.confirm(opened.new.text, opened.id, json={"destinations": told})
    shown = text_of(visitor.get("/keys/2"))
    assert "as the client reported: vault (delivered), key-file (held the key already)." in shown
    link = visitor.get("/api/v1/keys/2").json()["lineage"][0]
    assert link["rotation"]["destinations"] == told
    client.rotate(opened.new.text)
    assert visitor.get("/api/v1/keys/3").json()["lineage"][0]["rotation"]["destinations"] is None
    assert text_of(visitor.get("/keys/3")).count("as the client reported") == 1


def test_an_overlap_is_extended_once_and_ended(pages: Pages) -> None:
    visitor, world = owner(pages), pages.world
    old = world.key()
    before = world.now.rotate(old).answer["overlapEnd"]
    visitor.get("/keys/2")
    wrong = visitor.post("/keys/2/rotation/extension", {"days": "24"})
    assert wrong.status_code == 422
    assert "Choose 1 to 23 days." in text_of(wrong)
    assert visitor.post("/keys/2/rotation/extension", {"days": "9"}).status_code == 303
    end = datetime.fromisoformat(world.now.self(old).json()["revokesAt"])
    assert end - datetime.fromisoformat(before) == timedelta(days=9)
    assert "Extend the overlap" not in visitor.get("/keys/2").text
    again = visitor.call("POST", "/api/v1/keys/2/rotation/extension", {"days": 1})
    assert problem(again) == (409, "not-possible")
    assert "127.0.0.1" in text_of(visitor.get("/keys/2/rotation/end"))  # who used it above
    assert visitor.post("/keys/2/rotation/end").status_code == 303
    assert problem(world.now.self(old)) == (401, "key-revoked")


def test_a_stalled_rotation_is_aborted(pages: Pages) -> None:
    visitor, world = owner(pages), pages.world
    used = world.now.open(world.key())
    world.now.self(used.new.text)
    unused = world.now.open(world.key())
    visitor.get("/keys/2/rotation/abort")
    assert visitor.post("/keys/2/rotation/abort").status_code == 409
    assert visitor.post("/keys/2/rotation/abort", {"evenIfUsed": "on"}).status_code == 403
    assert visitor.post("/keys/4/rotation/abort").status_code == 303
    assert problem(world.now.self(unused.new.text)) == (401, "key-revoked")
    assert world.now.self(used.new.text).status_code == 200
    root = pages.administrator()
    assert "Abort although" in text_of(root.get("/keys/2/rotation/abort"))
    answer = root.call("POST", "/api/v1/keys/2/rotation/abort", {"evenIfUsed": True})
    assert answer.json()["key"]["state"] == "revoked"


def test_rotations_by_phase(pages: Pages) -> None:
    visitor, world = owner(pages), pages.world
    world.now.open(world.key(name="one"))
    world.now.rotate(world.key(name="two"))
    world.now.rotate(world.key(name="three"), overlap_days=0)
    told = visitor.call("GET", "/api/v1/rotations").json()
    counts = {each["phase"]: each["rotations"] for each in told["counts"]}
    assert counts == {"stalled": 0, "open": 1, "overlap": 1, "over": 1}
    assert [each["keyName"] for each in told["rotations"]] == ["one", "two", "three"]
    page = visitor.get("/rotations?phase=overlap")
    assert "two" in page.text
    assert ">one<" not in page.text
    assert visitor.get("/rotations?phase=x").status_code == 422
    other = pages.signed_in(pages.add_person("other"))
    assert other.call("GET", "/api/v1/rotations").json()["rotations"] == []


def test_the_list_of_thousands_of_keys_costs_the_same_statements(pages: Pages) -> None:
    visitor, world = owner(pages), pages.world
    counts = []
    visitor.get("/keys")  # also writes down that the session is in use
    for amount in (1, 5000):
        _many(world, amount)
        with executed(world, "SELECT") as statements:
            page = visitor.get("/keys")
        counts.append(len(statements))
        assert page.text.count("<tr>") <= 51
    assert "of 101, 5001 keys" in page.text
    assert 0 < counts[0] == counts[1]


def _many(world: ServerHarness, amount: int) -> None:
    with world.database.write() as connection:
        now = world.database.clock.now(connection)
        start = connection.execute(keys.select()).all()
        rows = [
            {
                "public_id": f"{number:015}",
                "sha256": f"{number:064}",
                "owner_id": 1,
                "name": f"key {number}",
                "enabled": True,
                "created_at_utc": now,
                "purpose": "any",
            }
            for number in range(len(start), len(start) + amount)
        ]
        connection.execute(insert(keys), rows)
