"""What administrators do with users."""

import pytest

from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import people as service
from signotaur_wire.roles import AUDITOR, ROTATOR
from web.pages import PASSWORD, Pages, fault_of, text_of

pytestmark = pytest.mark.both_databases


def test_adding_and_editing_a_user(pages: Pages) -> None:
    root = pages.administrator()
    added = root.post("/users", {"name": "ci", "enabled": "on", "roles": [ROTATOR]})
    assert (added.status_code, added.headers["Location"]) == (303, "/users/2")
    assert "User added." in text_of(root.get("/users/2"))
    assert "User added." not in text_of(root.get("/users/2"))
    person = pages.person(2)
    assert (person.name, person.roles, person.admin, person.enabled) == (
        "ci",
        (ROTATOR,),
        False,
        True,
    )
    assert root.post("/users/2", {"name": "build", "roles": [AUDITOR]}).status_code == 303
    person = pages.person(2)
    assert (person.name, person.roles, person.enabled) == ("build", (AUDITOR,), False)
    assert [event["type"] for event in pages.world.events()] == ["user-added", "user-edited"]
    assert pages.world.events("user-edited")[0]["data"]["byUserId"] == 1


@pytest.mark.parametrize(
    ("typed", "name", "said"),
    [
        ({"name": ""}, "name", "A name has 1 to 100 printable characters."),
        ({"name": "x" * 101}, "name", "A name has 1 to 100 printable characters."),
        ({"name": "two\nlines"}, "name", "A name has 1 to 100 printable characters."),
        ({"name": "root"}, "name", "A user with this name already exists."),
    ],
)
def test_faults_stand_beside_their_field(
    pages: Pages, typed: dict[str, str], name: str, said: str
) -> None:
    root = pages.administrator()
    answer = root.post("/users", {**typed, "roles": [AUDITOR]})
    assert answer.status_code == 422
    assert fault_of(answer, name) == said
    assert 'value="Auditor" checked' in answer.text  # what was typed is kept
    twin = root.call("POST", "/api/v1/users", typed)
    assert (twin.status_code, twin.json()["faults"]) == (422, {name: said})
    assert pages.world.events() == []


def test_administrators_keep_their_own_rights(pages: Pages) -> None:
    root = pages.administrator()
    answer = root.post("/users/1", {"name": "root"})
    assert answer.status_code == 422
    assert "You cannot disable yourself." in text_of(answer)
    assert "You cannot take this right from yourself." in text_of(answer)
    assert pages.person(1).admin


def test_unknown_roles_are_kept_and_not_given(pages: Pages) -> None:
    root = pages.administrator()
    pages.add_person("ci", "Reader")
    root.post("/users/2", {"name": "ci", "enabled": "on", "roles": [ROTATOR]})
    assert pages.person(2).roles == (ROTATOR, "Reader")
    twin = root.call("PUT", "/api/v1/users/2", {"name": "ci", "roles": ["Owner"]})
    assert twin.json()["faults"] == {"roles": "There is no such role."}


def test_a_disabled_user_loses_sessions_and_keys_at_once(pages: Pages) -> None:
    root = pages.administrator()
    ci = pages.add_person("ci")
    key = pages.world.key("ci")
    visitor = pages.signed_in(ci)
    assert visitor.get("/profile").status_code == 200
    assert pages.world.now.self(key).status_code == 200
    root.post("/users/2", {"name": "ci"})
    assert visitor.get("/profile").status_code == 303
    assert pages.world.now.self(key).json()["type"] == "key-disabled"
    root.post("/users/2", {"name": "ci", "enabled": "on"})
    assert visitor.get("/profile").status_code == 303
    assert pages.world.now.self(key).status_code == 200


def test_a_temporary_password_is_shown_once_and_must_be_changed(pages: Pages) -> None:
    root = pages.administrator()
    ci = pages.add_person("ci")
    old = pages.signed_in(ci)
    page = root.post("/users/2/password")
    assert page.status_code == 200
    text = page.text.split('id="secret" tabindex="0">')[1].split("<")[0]
    assert text not in root.get("/users/2").text
    assert old.get("/profile").status_code == 303
    visitor = pages.stranger()
    assert visitor.sign_in("ci", text).status_code == 303
    assert visitor.get("/events").headers["Location"] == "/profile"
    refused = visitor.call("GET", "/api/v1/events")
    assert (refused.status_code, refused.json()["type"]) == (403, "not-allowed")
    assert "Your password is temporary" in text_of(visitor.get("/profile"))
    typed = {"current": text, "new": PASSWORD, "repeated": PASSWORD}
    assert visitor.post("/profile/password", typed).status_code == 303
    assert visitor.get("/events").status_code == 200
    assert text not in str(pages.world.events())


def test_a_temporary_password_ends_after_half_a_day(pages: Pages) -> None:
    pages.add_person("ci")
    pages.set_password("ci", temporary=True)
    with pages.later("13h") as later:
        assert later.stranger().sign_in("ci").status_code == 401
    assert pages.stranger().sign_in("ci").status_code == 303


def test_nobody_resets_the_own_password(pages: Pages) -> None:
    root = pages.administrator()
    assert root.post("/users/1/password").status_code == 403


def test_keys_of_a_user_are_revoked(pages: Pages) -> None:
    root = pages.administrator()
    pages.add_person("ci", ROTATOR)
    pages.add_person("other")
    keys = [pages.world.key("ci", name) for name in ("a", "b", "c")]
    others = pages.world.key("other")
    none = root.post("/users/2/revocations")
    assert (none.status_code, fault_of(none, "keyIds")) == (422, "Choose a key.")
    # A key of somebody else is not among those that can be chosen.
    assert root.post("/users/2/revocations", {"keyIds": [2, 4]}).status_code == 303
    assert "Keys revoked: 1." in text_of(root.get("/users/2"))
    assert [pages.world.now.self(key).status_code for key in (*keys, others)] == [
        200,
        401,
        200,
        200,
    ]
    assert root.call("POST", "/api/v1/users/2/revocations", {"allKeys": True}).json() == {
        "revokedKeyIds": [1, 3]
    }
    assert [pages.world.now.self(key).status_code for key in (*keys, others)] == [
        401,
        401,
        401,
        200,
    ]
    messages = [event["message"] for event in pages.world.events("key-revoked")]
    assert messages == [f"Key {key_id} was revoked by root." for key_id in (2, 1, 3)]


def test_rights_that_ended_meanwhile_do_not_count(pages: Pages) -> None:
    """The transaction of a change looks again."""
    visitor = pages.administrator()
    second = pages.add_person("second", admin=True)
    person = pages.person(1)
    pages.signed_in(second).post("/users/1", {"name": "root", "enabled": "on"})
    assert not pages.person(1).admin
    assert visitor.post("/users", {"name": "late"}).status_code == 403
    with pytest.raises(RefusedError):
        service.add_person(
            pages.world.database, person, service.Edit("late", admin=True, enabled=True, roles=())
        )


def test_a_user_that_does_not_exist(pages: Pages) -> None:
    root = pages.administrator()
    for number in (99, 2**31, 10**40):
        assert root.get(f"/users/{number}").status_code == 404
        assert root.post(f"/users/{number}", {"name": "x"}).status_code == 404
        assert root.call("GET", f"/api/v1/users/{number}").status_code == 404
