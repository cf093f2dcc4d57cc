"""A person's own page: password and sessions, and when a session ends."""

import pytest
from sqlalchemy import select

from signotaur_keyserver.domain.schema import sessions, users
from signotaur_keyserver.service.passwords import Passwords, fault, temporary
from signotaur_keyserver.service.sign_in import digest
from signotaur_keyserver.web import protection
from web.pages import PASSWORD, Pages, fault_of, text_of

pytestmark = pytest.mark.both_databases

NEW = "another horse battery"


def test_changing_the_password_ends_other_sessions(pages: Pages) -> None:
    ada = pages.add_person("ada")
    pages.set_password("ada")
    visitor, other = pages.stranger(), pages.signed_in(ada)
    visitor.sign_in("ada")
    before = visitor.session.cookies[protection.SESSION]
    visitor.get("/profile")
    typed = {"current": PASSWORD, "new": NEW, "repeated": NEW}
    changed = visitor.post("/profile/password", typed)
    assert (changed.status_code, changed.headers["Location"]) == (303, "/profile")
    assert "Password changed. Your other sessions have ended." in text_of(visitor.get("/profile"))
    assert other.get("/profile").status_code == 303
    assert visitor.session.cookies[protection.SESSION] != before
    assert [each.token_sha256 for each in pages.sessions(ada)] == [
        digest(visitor.session.cookies[protection.SESSION])
    ]
    assert pages.stranger().sign_in("ada").status_code == 401
    assert pages.stranger().sign_in("ada", NEW).status_code == 303
    assert pages.world.events("password-changed")[0]["source"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("typed", "name", "said"),
    [
        ({"current": "wrong"}, "current", "The current password is wrong."),
        ({"new": "short", "repeated": "short"}, "new", "A password has 12 to 1024 characters."),
        (
            {"new": PASSWORD, "repeated": PASSWORD},
            "new",
            "The new password must not be the current one.",
        ),
        ({"repeated": "x"}, "repeated", "The two passwords differ."),
        (
            {"new": "ADA OF LONDON", "repeated": "ADA OF LONDON"},
            "new",
            "The password must not be the user name.",
        ),
    ],
)
def test_faults_of_a_password(pages: Pages, typed: dict[str, str], name: str, said: str) -> None:
    ada = pages.add_person("Ada of London")
    pages.set_password("Ada of London")
    visitor = pages.signed_in(ada)
    all_typed = {"current": PASSWORD, "new": NEW, "repeated": NEW, **typed}
    answer = visitor.post("/profile/password", all_typed)
    assert (answer.status_code, fault_of(answer, name)) == (422, said)
    assert not [text for text in all_typed.values() if f'value="{text}"' in answer.text]
    if name != "repeated":
        del all_typed["repeated"]
        twin = visitor.call("PUT", "/api/v1/profile/password", all_typed)
        assert twin.json()["faults"] == {name: said}


def test_a_script_changes_the_password(pages: Pages) -> None:
    ada = pages.add_person("ada")
    pages.set_password("ada")
    visitor = pages.signed_in(ada)
    body = {"current": PASSWORD, "new": NEW}
    changed = visitor.call("PUT", "/api/v1/profile/password", body)
    assert changed.status_code == 200
    visitor.csrf = changed.json()["csrfToken"]
    assert visitor.call("DELETE", "/api/v1/profile/sessions").json() == {"ended": 0}


def test_other_sessions_can_be_ended(pages: Pages) -> None:
    ada = pages.add_person("ada")
    visitor, other = pages.signed_in(ada), pages.signed_in(ada)
    other.session.headers["User-Agent"] = "an old laptop"
    assert len(visitor.call("GET", "/api/v1/profile").json()["sessions"]) == 2
    assert visitor.post("/profile/sessions").status_code == 303
    assert "Other sessions ended: 1." in text_of(visitor.get("/profile"))
    assert other.get("/profile").status_code == 303


@pytest.mark.parametrize(("offset", "status"), [("11h", 200), ("13h", 303)])
def test_a_session_ends_when_it_is_not_used(pages: Pages, offset: str, status: int) -> None:
    token = pages.token(pages.add_person("ada"))
    with pages.later(offset) as later:
        visitor = later.stranger()
        visitor.session.cookies.set(protection.SESSION, token)
        assert visitor.get("/profile").status_code == status


def test_a_session_ends_after_a_week_even_if_it_is_used(pages: Pages) -> None:
    token = pages.token(pages.add_person("ada"))
    statuses = []
    for hours in range(10, 171, 10):
        with pages.later(f"{hours}h") as later:
            visitor = later.stranger()
            visitor.session.cookies.set(protection.SESSION, token)
            statuses.append(visitor.get("/profile").status_code)
    assert statuses == [200] * 16 + [303]


def test_a_sweep_forgets_sessions_that_are_over(pages: Pages) -> None:
    ada = pages.add_person("ada")
    pages.token(ada)
    pages.world.sweep("11h")
    assert len(pages.sessions(ada)) == 1
    pages.world.sweep("13h")
    assert pages.sessions(ada) == []


def test_neither_tokens_nor_passwords_are_stored(pages: Pages) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    visitor = pages.stranger()
    visitor.sign_in("ada")
    with pages.world.database.read() as connection:
        stored = str(connection.execute(select(sessions)).all())
        password_hash = connection.execute(select(users.c.password_hash)).scalar_one()
    assert visitor.session.cookies[protection.SESSION] not in stored
    assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in repr(pages.person(1))


def test_one_password_is_the_same_from_every_keyboard() -> None:
    passwords = Passwords()
    composed = "caf\u00e9 caf\u00e9 caf\u00e9"
    assert passwords.matches(passwords.hash(composed), composed.replace("\u00e9", "e\u0301"))
    assert not passwords.matches(passwords.hash(composed), composed.upper())
    assert not passwords.matches(None, composed)
    assert not passwords.matches("no hash", composed)


def test_the_length_of_a_password() -> None:
    assert [fault("x" * length, "ada") is None for length in (11, 12, 1024, 1025)] == [
        False,
        True,
        True,
        False,
    ]
    made = {temporary() for _ in range(100)}
    assert len(made) == 100
    assert [text for text in made if fault(text, "ada")] == []
