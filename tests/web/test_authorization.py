"""Every cell of the table of rights, through real HTTP: each route by each kind of visitor."""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from keyserver.harness import ServerHarness
from signotaur_keyserver.api.app import Options, create_app
from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.domain.authorization import (
    ALLOWED,
    Action,
    Scope,
    VisitorKind,
    kind_of,
    scope_of,
)
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.web.application import ROUTES, add_pages
from signotaur_keyserver.web.routes import Route
from signotaur_keyserver.web.site import SiteOptions
from signotaur_wire.roles import AUDITOR
from web.pages import Pages, Visitor, serving_pages

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
OTHER = "somebody else"


@pytest.fixture(scope="module")
def served(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A server for this module, with one person of each kind and one more."""
    file = tmp_path_factory.mktemp("rights") / "keyserver.db"
    shutil.copyfile(template, file)
    world = ServerHarness(file)
    with serving_pages(world) as pages:
        pages.add_person(OTHER)
        pages.add_person(VisitorKind.OWNER.value)
        pages.add_person(VisitorKind.AUDITOR.value, AUDITOR)
        pages.add_person(VisitorKind.ADMINISTRATOR.value, admin=True)
        pages.add_person(VisitorKind.RESTRICTED.value, AUDITOR, admin=True)
        pages.set_password(VisitorKind.RESTRICTED.value, temporary=True)
        for user_id in range(1, 6):
            world.key(pages.person(user_id).name)
        yield pages
    world.close()


def _person(pages: Pages, who: VisitorKind) -> Person:
    return pages.person(1 + [VisitorKind.ANONYMOUS, *_SIGNED_IN].index(who))


_SIGNED_IN = [
    VisitorKind.OWNER,
    VisitorKind.AUDITOR,
    VisitorKind.ADMINISTRATOR,
    VisitorKind.RESTRICTED,
]


def _visitor(pages: Pages, who: VisitorKind) -> Visitor:
    if who is VisitorKind.ANONYMOUS:
        visitor = pages.stranger()
        visitor.get("/login")
        return visitor
    person = _person(pages, who)
    assert kind_of(person) is who
    return pages.signed_in(person)


def _send(visitor: Visitor, route: Route, path: str) -> requests.Response:
    if route.is_call:
        return visitor.call(route.method, path, {} if route.is_change else None)
    return visitor.post(path) if route.is_change else visitor.get(path)


def _is_refused(answer: requests.Response, route: Route, who: VisitorKind) -> bool:
    """Return whether the table refused, and nothing else did."""
    if route.is_call:
        return answer.status_code in (401, 403) and answer.json()["type"] in (
            "sign-in-required",
            "not-allowed",
        )
    to = answer.headers.get("Location", "")
    if who is VisitorKind.ANONYMOUS:
        return answer.status_code == 303 and to.startswith("/login")
    if who is VisitorKind.RESTRICTED and route.path not in ("/", "/login"):
        return answer.status_code == 303 and to == "/profile"
    return answer.status_code == 403


@pytest.mark.parametrize("who", VisitorKind)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_is_open_to_those_in_the_table(
    served: Pages, route: Route, who: VisitorKind
) -> None:
    # Ids of rows that belong to somebody else.
    path = _PARAMETER.sub("1", route.path)
    answer = _send(_visitor(served, who), route, path)
    assert answer.status_code < 500
    granted = scope_of(who, route.action)
    assert _is_refused(answer, route, who) == (granted is Scope.NONE)
    if granted is Scope.OWN and _PARAMETER.search(route.path):
        assert answer.status_code == 404


def test_every_action_is_in_the_table_and_used_by_a_route() -> None:
    assert set(ALLOWED) == set(Action)


def test_what_is_not_in_the_table_is_refused() -> None:
    granted = {(action, who) for action, row in ALLOWED.items() for who in row}
    for action in Action:
        for who in VisitorKind:
            assert (scope_of(who, action) is Scope.NONE) == ((action, who) not in granted)


def test_auditors_change_nothing_but_their_own_access() -> None:
    """Read from the table, so that a new row does not give them more."""
    own = {Action.SIGN_IN, Action.SIGN_OUT, Action.CHANGE_PASSWORD, Action.END_SESSIONS}
    changes = {route.action for route in ROUTES if route.is_change}
    assert {action for action in changes if scope_of(VisitorKind.AUDITOR, action)} == own


def test_pages_change_nothing() -> None:
    """An action that a page or a read names is never that of a change, but for forms' pages."""
    reads = {route.action for route in ROUTES if not route.is_change and route.is_call}
    changes = {route.action for route in ROUTES if route.is_change}
    assert reads & changes == set()


def test_no_route_is_outside_the_table() -> None:
    """Whatever the app serves is a route of the key API, a static file, or in the table."""
    database = Database(sqlite_url(Path("none")))
    plain, app = create_app(database, Options()), create_app(database, Options())
    add_pages(app, SiteOptions())
    added = set(_served(app.routes)) - set(_served(plain.routes))
    tabled = {(route.method, route.path) for route in ROUTES}
    assert {route for route in added - tabled if not route[1].startswith("/static/")} == set()
    assert tabled <= added


def _served(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "original_router"):  # a router that FastAPI included
            yield from _served(route.original_router.routes)
        else:
            yield from ((method, route.path) for method in route.methods)


def test_an_api_key_opens_nothing_of_people(served: Pages) -> None:
    """A key in CI must not create keys or read users, not even an administrator's."""
    key = served.world.key(VisitorKind.ADMINISTRATOR.value)
    for route in ROUTES:
        if route.is_call and route.action is not Action.SIGN_IN:
            path = _PARAMETER.sub("1", route.path)
            answer = served.stranger().call(
                route.method, path, headers={"Authorization": f"Bearer {key}"}
            )
            assert answer.json()["type"] == "sign-in-required", route.path
