"""The web pages as people reach them: a world with pages, and visitors with plain HTTP."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import requests

from keyserver.harness import NO_LIMIT, Running, ServerHarness
from signotaur_keyserver.domain.records import Person, Session
from signotaur_keyserver.service import people, sign_in
from signotaur_keyserver.service.passwords import Passwords
from signotaur_keyserver.service.sign_in import Origin
from signotaur_keyserver.store import people as store
from signotaur_keyserver.store import users
from signotaur_keyserver.web import protection
from signotaur_keyserver.web.site import SiteOptions
from signotaur_wire.durations import parse_duration

PASSWORD = "correct horse battery"
UNLIMITED = SiteOptions(sign_ins_per_user=(NO_LIMIT, 1.0), sign_ins_per_address=(NO_LIMIT, 1.0))
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')
ORIGIN = Origin("127.0.0.1", "test")


@dataclass
class Visitor:
    """A browser without a window: keeps cookies, follows no redirect, sends forms with CSRF."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)
    csrf: str = ""

    def __post_init__(self) -> None:
        self.session.trust_env = False
        self.session.headers["Accept"] = "text/html"

    def get(self, path: str, **options: Any) -> requests.Response:
        """Open a page."""
        return self._kept(self.session.get(self.url + path, **self._usual(options)))

    def post(
        self, path: str, fields: dict[str, Any] | None = None, **options: Any
    ) -> requests.Response:
        """Send a form, with the CSRF token of the last page."""
        data = {"csrf": self.csrf, **(fields or {})}
        return self._kept(self.session.post(self.url + path, data=data, **self._usual(options)))

    def call(
        self, method: str, path: str, body: object = None, **options: Any
    ) -> requests.Response:
        """Call a JSON twin, with the CSRF token."""
        headers = {"X-CSRF-Token": self.csrf, "Accept": "application/json"}
        headers |= options.pop("headers", {})
        return self.session.request(
            method, self.url + path, headers=headers, json=body, **self._usual(options)
        )

    def sign_in(self, name: str, password: str = PASSWORD) -> requests.Response:
        """Sign in by the form."""
        self.get("/login")
        return self.post("/login", {"name": name, "password": password})

    def close(self) -> None:
        """End the connections."""
        self.session.close()

    def _usual(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"allow_redirects": False, "timeout": 60, **options}

    def _kept(self, answer: requests.Response) -> requests.Response:
        found = _CSRF.search(answer.text)
        if found is not None:
            self.csrf = found.group(1)
        return answer


class Pages:
    """A world whose server has pages, with people in it. Visitors come signed in."""

    def __init__(self, world: ServerHarness, url: str) -> None:
        self.world = world
        self.url = url
        self._visitors: list[Visitor] = []

    def add_person(self, name: str, *roles: str, admin: bool = False) -> Person:
        """Add a user without a password."""
        with self.world.database.write() as connection:
            now = self.world.database.clock.now(connection)
            user_id = users.add(connection, name, admin=admin, roles=roles, now=now)
        return self.person(user_id)

    def set_password(self, name: str, password: str = PASSWORD, *, temporary: bool = False) -> None:
        """Give a user a password, as the command line does."""
        people.set_password(self.world.database, Passwords(), name, password, temporary=temporary)

    def person(self, user_id: int) -> Person:
        """Return a person as it is now."""
        with self.world.database.read() as connection:
            found = store.get(connection, user_id)
        assert found is not None
        return found

    def stranger(self) -> Visitor:
        """Return a visitor who did not sign in."""
        visitor = Visitor(self.url)
        self._visitors.append(visitor)
        return visitor

    def signed_in(self, person: Person) -> Visitor:
        """Return a visitor with a session of its own; no password is hashed for it."""
        visitor = self.stranger()
        token = self.token(person)
        visitor.session.cookies.set(protection.SESSION, token)
        visitor.csrf = protection.csrf_token(token)
        return visitor

    def administrator(self, name: str = "root") -> Visitor:
        """Return a signed-in administrator."""
        return self.signed_in(self.add_person(name, admin=True))

    def token(self, person: Person) -> str:
        """Return the token of a new session."""
        with self.world.database.write() as connection:
            now = self.world.database.clock.now(connection)
            return sign_in.begin(connection, person, now, ORIGIN)

    def sessions(self, person: Person) -> list[Session]:
        """Return a person's live sessions."""
        return sign_in.live_sessions(self.world.database, person.id)

    @contextmanager
    def later(self, offset: str) -> Iterator["Pages"]:
        """Serve the same world with a clock that runs ahead."""
        with serving_pages(self.world, offset=offset) as served:
            yield served

    def close(self) -> None:
        """End the connections of every visitor."""
        for visitor in self._visitors:
            visitor.close()


@contextmanager
def serving_pages(
    world: ServerHarness, site: SiteOptions = UNLIMITED, offset: str = "0s", **options: Any
) -> Iterator[Pages]:
    """Serve the pages of a world."""
    database = world.opened(parse_duration(offset))
    with Running(database, site=site, sealer=world.sealer, **options) as url:
        pages = Pages(world, url)
        yield pages
        pages.close()
    database.close()


def text_of(answer: requests.Response) -> str:
    """Return the words of a page, without its tags."""
    words = re.sub(r"<[^>]*>", " ", answer.text)
    return " ".join(unescape(words).split())


def fault_of(answer: requests.Response, name: str) -> str:
    """Return what a page says is wrong with a field; the field must refer to it."""
    assert re.search(
        rf'<(?:input|select|textarea)[^>]* name="{name}"[^>]*{name}-fault"', answer.text
    )
    found = re.search(rf'<p class="fault" id="{name}-fault">([^<]*)</p>', answer.text)
    assert found is not None
    return unescape(found.group(1))


def hidden(values: Iterable[str], answer: requests.Response) -> bool:
    """Return whether none of these secrets is in an answer."""
    return not any(value in answer.text or value in str(answer.headers) for value in values)
