"""What guards a session: CSRF tokens, the origin of requests, the policy, cookies, throttling."""

import re

import pytest
import requests

from keyserver.harness import wait_until
from signotaur_keyserver.web.application import ROUTES
from signotaur_keyserver.web.navigation import HOME
from signotaur_keyserver.web.site import SiteOptions
from web.pages import PASSWORD, Pages, serving_pages, text_of

CHANGES = [route for route in ROUTES if route.is_change and route.needs_token]


@pytest.mark.parametrize("token", ["", "0" * 64, "ä", "another session's"])
def test_a_change_needs_the_token_of_its_session(pages: Pages, token: str) -> None:
    root = pages.administrator()
    pages.add_person("ci")
    given = pages.signed_in(pages.person(1)).csrf if token.startswith("another") else token
    root.csrf = given
    before = pages.world.events()
    for route in CHANGES:
        path = re.sub(r"\{\w+(:int)?\}", "2", route.path)
        if route.is_call:
            headers = {"X-CSRF-Token": given.encode()}
            answer = root.call(route.method, path, {"name": "new"}, headers=headers)
        else:
            answer = root.post(path, {"name": "new"})
        assert answer.status_code == 403, route.path
    assert pages.world.events() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_cannot_send_our_forms(pages: Pages, headers: dict[str, str]) -> None:
    root = pages.administrator()
    answer = root.post("/users", {"name": "new"}, headers=headers)
    assert answer.status_code == 403
    body = {"name": "root", "password": PASSWORD}
    assert root.call("POST", "/api/v1/session", body, headers=headers).status_code == 403
    assert pages.world.events() == []


def test_our_own_pages_can(pages: Pages) -> None:
    root = pages.administrator()
    for name, headers in {
        "a": {"Sec-Fetch-Site": "same-origin", "Origin": "https://before-the-proxy.example"},
        "b": {"Origin": pages.url},
    }.items():
        assert root.post("/users", {"name": name}, headers=headers).status_code == 303


def test_signing_in_needs_the_token_of_its_own_form(pages: Pages) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    visitor = pages.stranger()
    typed = {"name": "ada", "password": PASSWORD}
    assert visitor.post("/login", typed).status_code == 403
    other = pages.stranger()
    other.get("/login")
    visitor.get("/login")
    visitor.csrf = other.csrf
    assert visitor.post("/login", typed).status_code == 403


def test_a_form_with_another_type_is_refused(pages: Pages) -> None:
    root = pages.administrator()
    answer = root.session.post(
        f"{pages.url}/users", data="csrf=x", headers={"Content-Type": "text/plain"}, timeout=60
    )
    assert answer.status_code == 415
    # What a form of another site could send is no JSON.
    body = '{"name": "root", "password": "x"}'
    answer = requests.post(
        f"{pages.url}/api/v1/session",
        data=body,
        headers={"Content-Type": "text/plain"},
        timeout=60,
    )
    assert answer.status_code == 415


def test_every_page_has_the_strict_policy(pages: Pages) -> None:
    root = pages.administrator()
    for path in ("/login", "/profile", "/users", "/none", "/static/style.css", "/events.txt"):
        headers = root.get(path).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "method", "status", "said"),
    [
        ("/none", "GET", 404, "Not Found"),
        ("/users/%2e%2e", "GET", 404, "Not Found"),
        ("/users", "PUT", 405, "Method Not Allowed"),
        ("/users", "POST", 413, "Request Entity Too Large"),
    ],
)
def test_errors_are_pages_for_browsers(
    pages: Pages, path: str, method: str, status: int, said: str
) -> None:
    root = pages.administrator()
    body = "x" * 20_000 if status == 413 else None
    answer = root.session.request(method, pages.url + path, data=body, timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert said in text_of(answer)
    # A program that does not ask for a page gets the problem.
    answer = requests.request(method, pages.url + path, data=body, timeout=60)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_page_leads_back_after_the_sign_in_and_nowhere_else(pages: Pages) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    for wanted, expected in {
        "/settings": "/settings",
        "//evil.example": HOME,
        "https://evil.example": HOME,
        "/\\evil.example": HOME,
        "": HOME,
    }.items():
        visitor = pages.stranger()
        visitor.get("/login")
        typed = {"name": "ada", "password": PASSWORD, "next": wanted}
        assert visitor.post("/login", typed).headers["Location"] == expected


def test_sign_ins_are_throttled_by_user_and_address(pages: Pages) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    now = [0.0]
    site = SiteOptions(
        sign_ins_per_user=(2, 1 / 60), sign_ins_per_address=(5, 1 / 10), clock=lambda: now[0]
    )
    with serving_pages(pages.world, site) as throttled:

        def attempt(name: str, password: str) -> requests.Response:
            body = {"name": name, "password": password}
            return throttled.stranger().call("POST", "/api/v1/session", body)

        assert [attempt("ada", "wrong").status_code for _ in range(3)] == [401, 401, 429]
        refused = attempt("ada", PASSWORD)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        # Another name from here still has a turn, until the address has none.
        assert attempt("bob", "wrong").status_code == 401
        assert attempt("eve", "wrong").headers["Retry-After"] == "10"
        page = throttled.stranger().sign_in("ada")
        assert (page.status_code, page.headers["Retry-After"]) == (429, "60")
        assert "Too Many Requests" in text_of(page)
        now[0] += 60
        assert attempt("ada", PASSWORD).status_code == 200


def test_an_attack_on_a_name_does_not_lock_it(pages: Pages) -> None:
    """Other servers here are other addresses: what one counts says nothing of the account."""
    pages.add_person("ada")
    pages.set_password("ada")
    with serving_pages(pages.world, SiteOptions(sign_ins_per_user=(1, 1 / 60))) as attacked:
        assert [attacked.stranger().sign_in("ada", "x").status_code for _ in range(2)] == [401, 429]
    assert pages.stranger().sign_in("ada").status_code == 303


def test_refused_sign_ins_are_events_without_what_was_typed(pages: Pages) -> None:
    pages.add_person("ada")
    pages.set_password("ada")
    pages.stranger().sign_in("ada", "a wrong password")
    pages.stranger().sign_in("typed in the wrong field", "x")
    # Refusals are written from a thread of their own.
    wait_until(lambda: len(pages.world.events("sign-in-refused")) == 2)
    events = pages.world.events("sign-in-refused")
    assert [(event["user_id"], event["message"]) for event in events] == [
        (1, "A sign-in as user ada was refused."),
        (None, "A sign-in as a user that does not exist was refused."),
    ]
    assert events[0]["source"] == "127.0.0.1"
    assert "wrong" not in str(pages.world.events())


def test_a_busy_database_is_a_page_that_says_so(pages: Pages) -> None:
    root = pages.administrator()
    with pages.world.database.write():  # another process that takes long
        answer = root.post("/users", {"name": "late", "enabled": "on"})
        read = root.get("/users")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "The database is not available. Nothing was changed. Try again in a moment." in text_of(
        answer
    )
    assert read.status_code == 200  # reads go on
    assert root.post("/users", {"name": "late", "enabled": "on"}).status_code == 303
