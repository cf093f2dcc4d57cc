"""Sign in and out, by form and by JSON."""

import hashlib
import re
from dataclasses import dataclass

from anyio import to_thread
from starlette.responses import Response

from signotaur_keyserver.api.context import network_of
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.authorization import Action, VisitorKind
from signotaur_keyserver.domain.events import Event
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import sign_in
from signotaur_keyserver.service.sign_in import SignedIn
from signotaur_keyserver.web import protection
from signotaur_keyserver.web.navigation import HOME
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit
from signotaur_wire.problems import Problem

routes = Routes()

_NEXT = re.compile(r"/[a-z0-9][a-z0-9/_-]{0,200}")
"""Paths of pages: a sign-in leads to one of them and never to another site."""


@dataclass(frozen=True)
class SignIn:
    """Who wants to sign in."""

    name: str
    password: str


@dataclass(frozen=True)
class Destination:
    """The page that a visitor wanted when it was sent to sign in."""

    next: str | None = None


@dataclass(frozen=True)
class SessionAnswer:
    """Who is signed in."""

    user_id: int
    name: str
    administrator: bool
    roles: tuple[str, ...]
    must_change_password: bool
    csrf_token: str
    """For the header X-CSRF-Token of each change."""


@dataclass(frozen=True)
class SignedOutAnswer:
    """Nobody is signed in any more."""

    signed_out: bool


@routes.page("/", Action.SEE_SESSION)
def home(visit: Visit) -> Response:
    """Lead to the page that a person begins with."""
    return visit.redirect(HOME)


@routes.page("/login", Action.SIGN_IN)
def login_page(visit: Visit) -> Response:
    """Show the sign-in form."""
    if visit.session is not None:
        return visit.redirect(HOME)
    return _login_page(visit, _destination(visit), 200)


@routes.form("/login", Action.SIGN_IN)
async def login(visit: Visit) -> Response:
    """Sign in, and lead to the page that was wanted."""
    wanted = visit.read(Destination).next
    body = visit.read(SignIn)
    try:
        signed_in = await _sign_in(visit, body)
    except RefusedError as refused:
        if refused.problem is not Problem.SIGN_IN_REFUSED:
            raise
        return _login_page(visit, wanted, refused.status, body.name, refused.detail)
    answer = visit.redirect(_page(wanted))
    protection.set_cookie(visit.request, answer, protection.SESSION, signed_in.token)
    protection.delete_cookie(visit.request, answer, protection.VISIT)
    return answer


@routes.form("/logout", Action.SIGN_OUT)
def logout(visit: Visit) -> Response:
    """Sign out."""
    sign_in.sign_out(visit.database, visit.signed_in, visit.origin)
    answer = visit.redirect("/login")
    protection.delete_cookie(visit.request, answer, protection.SESSION)
    return answer


@routes.call(
    "POST",
    "/api/v1/session",
    Action.SIGN_IN,
    answer=SessionAnswer,
    body=SignIn,
    needs_token=False,
)
async def post_session(visit: Visit) -> Response:
    """Sign in a person. The answer sets the session cookie that the other calls need."""
    signed_in = await _sign_in(visit, visit.read(SignIn))
    answer = visit.answer(_answer(signed_in.person, protection.csrf_token(signed_in.token)))
    protection.set_cookie(visit.request, answer, protection.SESSION, signed_in.token)
    return answer


@routes.call("GET", "/api/v1/session", Action.SEE_SESSION, answer=SessionAnswer)
def get_session(visit: Visit) -> Response:
    """Tell who is signed in, with the CSRF token."""
    return visit.answer(_answer(visit.person, visit.csrf))


@routes.call("DELETE", "/api/v1/session", Action.SIGN_OUT, answer=SignedOutAnswer)
def delete_session(visit: Visit) -> Response:
    """Sign out."""
    sign_in.sign_out(visit.database, visit.signed_in, visit.origin)
    answer = visit.answer(SignedOutAnswer(signed_out=True))
    protection.delete_cookie(visit.request, answer, protection.SESSION)
    return answer


async def _sign_in(visit: Visit, body: SignIn) -> SignedIn:
    _throttle(visit, body.name)
    outcome = await to_thread.run_sync(
        sign_in.sign_in,
        visit.database,
        visit.site.passwords,
        body.name,
        body.password,
        visit.origin,
        limiter=visit.site.hashing,
    )
    if isinstance(outcome, Event):
        visit.context.refusals.add(outcome)
        raise refusals.sign_in_refused()
    return outcome


def _throttle(visit: Visit, name: str) -> None:
    """Count an attempt. An attacker slows down itself, and nobody else who uses the same name."""
    network = network_of(visit.origin.address)
    # A digest, so that a long name takes no more memory than a short one.
    attempt = (hashlib.sha256(name.encode()).digest(), network)
    wait = max(visit.site.addresses.take(network), visit.site.attempts.take(attempt))
    if wait:
        raise refusals.rate_limited("Too many attempts to sign in. Wait a moment.", wait)


def _answer(person: Person, csrf: str) -> SessionAnswer:
    must_change = person.password_expires_at_utc is not None
    return SessionAnswer(person.id, person.name, person.admin, person.roles, must_change, csrf)


def _login_page(
    visit: Visit, wanted: str | None, status: int, name: str = "", fault: str | None = None
) -> Response:
    known = None if visit.kind is not VisitorKind.ANONYMOUS else visit.secret
    secret = known or protection.new_visit()
    page = visit.render(
        "login.html",
        status,
        csrf=protection.csrf_token(secret),
        next=wanted or "",
        name=name,
        fault=fault,
    )
    if known is None:
        protection.set_cookie(visit.request, page, protection.VISIT, secret)
    return page


def _destination(visit: Visit) -> str | None:
    return visit.query(Destination).next


def _page(wanted: str | None) -> str:
    return wanted if wanted and _NEXT.fullmatch(wanted) else HOME
