"""A person's own page: password and sessions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from anyio import to_thread
from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.refusals import RefusedError, invalid_fields
from signotaur_keyserver.service import people, sign_in
from signotaur_keyserver.service.passwords import MAX_LENGTH, MIN_LENGTH
from signotaur_keyserver.web import protection
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of

routes = Routes()


@dataclass(frozen=True)
class PasswordChange:
    """The present password, and the next one."""

    current: str
    new: str


@dataclass(frozen=True)
class Repetition:
    """The new password once more, in the form alone: nobody sees what is typed there."""

    repeated: str


@dataclass(frozen=True)
class SessionView:
    """One session of a person."""

    is_this: bool
    signed_in_at: datetime
    seen_at: datetime
    ends_at: datetime
    address: str | None
    user_agent: str | None


@dataclass(frozen=True)
class ProfileAnswer:
    """A person and its sessions."""

    name: str
    administrator: bool
    roles: tuple[str, ...]
    password_expires_at: datetime | None
    """Set for a temporary password."""
    sessions: tuple[SessionView, ...]


@dataclass(frozen=True)
class PasswordAnswer:
    """The password was changed: every session ended, and this one has a new token."""

    csrf_token: str


@dataclass(frozen=True)
class EndedAnswer:
    """How many other sessions ended."""

    ended: int


@routes.page("/profile", Action.SEE_PROFILE)
def profile_page(visit: Visit) -> Response:
    """Show the person's own page."""
    return _page(visit)


@routes.form("/profile/password", Action.CHANGE_PASSWORD)
async def change_password(visit: Visit) -> Response:
    """Change the password."""
    body = visit.read(PasswordChange)
    try:
        if visit.read(Repetition).repeated != body.new:
            raise invalid_fields({"repeated": "The two passwords differ."})
        token = await _change(visit, body)
    except RefusedError as refused:
        return await to_thread.run_sync(_page, visit, faults_of(refused))
    answer = visit.redirect("/profile", "Password changed. Your other sessions have ended.", token)
    protection.set_cookie(visit.request, answer, protection.SESSION, token)
    return answer


@routes.form("/profile/sessions", Action.END_SESSIONS)
def end_sessions(visit: Visit) -> Response:
    """End the other sessions."""
    ended = sign_in.end_other_sessions(visit.database, visit.signed_in, visit.origin)
    return visit.redirect("/profile", f"Other sessions ended: {ended}.")


@routes.call("GET", "/api/v1/profile", Action.SEE_PROFILE, answer=ProfileAnswer)
def get_profile(visit: Visit) -> Response:
    """Describe the person who is signed in, with its sessions."""
    return visit.answer(_view(visit))


@routes.call(
    "PUT",
    "/api/v1/profile/password",
    Action.CHANGE_PASSWORD,
    answer=PasswordAnswer,
    body=PasswordChange,
)
async def put_password(visit: Visit) -> Response:
    """Change the password. Every session ends; the answer sets the cookie of a new one."""
    token = await _change(visit, visit.read(PasswordChange))
    answer = visit.answer(PasswordAnswer(protection.csrf_token(token)))
    protection.set_cookie(visit.request, answer, protection.SESSION, token)
    return answer


@routes.call("DELETE", "/api/v1/profile/sessions", Action.END_SESSIONS, answer=EndedAnswer)
def delete_sessions(visit: Visit) -> Response:
    """End the other sessions."""
    ended = sign_in.end_other_sessions(visit.database, visit.signed_in, visit.origin)
    return visit.answer(EndedAnswer(ended))


async def _change(visit: Visit, body: PasswordChange) -> str:
    return await to_thread.run_sync(
        people.change_password,
        visit.database,
        visit.site.passwords,
        visit.signed_in,
        body.current,
        body.new,
        visit.origin,
        limiter=visit.site.hashing,
    )


def _page(visit: Visit, faults: Mapping[str, str] | None = None) -> Response:
    return visit.render(
        "profile.html",
        422 if faults else 200,
        profile=_view(visit),
        faults=faults or {},
        min_length=MIN_LENGTH,
        max_length=MAX_LENGTH,
    )


def _view(visit: Visit) -> ProfileAnswer:
    person, this = visit.person, visit.signed_in.token_sha256
    listed = tuple(
        SessionView(
            each.token_sha256 == this,
            each.created_at_utc,
            each.seen_at_utc,
            each.expires_at_utc,
            each.address,
            each.user_agent,
        )
        for each in sign_in.live_sessions(visit.database, person.id)
    )
    expires = person.password_expires_at_utc
    return ProfileAnswer(person.name, person.admin, person.roles, expires, listed)
