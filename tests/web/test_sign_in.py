"""Signing in and out, by form and by JSON."""

import pytest
import requests

from signotaur_wire.roles import AUDITOR
from web.pages import PASSWORD, Pages

pytestmark = pytest.mark.both_databases


def test_a_person_signs_in_and_out_by_form(pages: Pages) -> None:
    ada = pages.add_person("ada")
    pages.set_password("ada")
    visitor = pages.stranger()
    signed_in = visitor.sign_in("ada")
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, "/keys")
    assert visitor.get("/profile").status_code == 200
    assert len(pages.sessions(ada)) == 1
    assert visitor.post("/logout").headers["Location"] == "/login"
    assert pages.sessions(ada) == []
    assert visitor.get("/profile").headers["Location"] == "/login?next=%2Fprofile"
    types = [event["type"] for event in pages.world.events()]
    assert types == ["password-reset", "signed-in", "signed-out"]


def test_a_script_signs_in_and_out_by_json(pages: Pages) -> None:
    pages.add_person("ada", AUDITOR)
    pages.set_password("ada")
    visitor = pages.stranger()
    signed_in = visitor.call("POST", "/api/v1/session", {"name": "ada", "password": PASSWORD})
    assert signed_in.status_code == 200
    told = signed_in.json()
    visitor.csrf = told.pop("csrfToken")
    assert told == {
        "userId": 1,
        "name": "ada",
        "administrator": False,
        "roles": ["Auditor"],
        "mustChangePassword": False,
    }
    assert visitor.call("GET", "/api/v1/session").json() == told | {"csrfToken": visitor.csrf}
    assert visitor.call("DELETE", "/api/v1/session").json() == {"signedOut": True}
    after = visitor.call("GET", "/api/v1/session")
    assert (after.status_code, after.json()["type"]) == (401, "sign-in-required")


def test_the_cookie_is_for_this_server_alone(pages: Pages) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    visitor = pages.stranger()
    cookies = visitor.sign_in("ada").headers["Set-Cookie"]
    session = next(c for c in cookies.split(", ") if c.startswith("signotaur-session="))
    assert "HttpOnly" in session
    assert "SameSite=strict" in session
    assert "Secure" not in session  # plain HTTP; over TLS see test_over_tls


def test_every_refusal_is_the_same(pages: Pages) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    pages.add_person("no-password")

    def answer(name: str, password: str) -> requests.Response:
        return pages.stranger().call(
            "POST", "/api/v1/session", {"name": name, "password": password}
        )

    refused = [
        answer("ada", PASSWORD + "!"),
        answer("nobody", PASSWORD),
        answer("no-password", PASSWORD),
        answer("no\nname", PASSWORD),
    ]
    assert {each.status_code for each in refused} == {401}
    assert len({each.text for each in refused}) == 1
