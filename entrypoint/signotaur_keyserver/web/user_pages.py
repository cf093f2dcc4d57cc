"""Users, for administrators: add, edit, disable, reset the password, revoke keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from anyio import to_thread
from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.records import Key, Person
from signotaur_keyserver.domain.refusals import RefusedError, invalid_fields
from signotaur_keyserver.service import people
from signotaur_keyserver.service.people import ROLES, Edit, Profile
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of
from signotaur_wire.messages import KeyState

routes = Routes()

_NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class UserBody:
    """What an administrator decides of a user."""

    name: str
    admin: bool = False
    enabled: bool = False
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class RevocationBody:
    """The keys of a user to revoke."""

    key_ids: tuple[int, ...] = ()
    all_keys: bool = False


@dataclass(frozen=True)
class UserView:
    """A user."""

    id: int
    name: str
    admin: bool
    enabled: bool
    roles: tuple[str, ...]
    created_at: datetime
    has_password: bool
    password_expires_at: datetime | None
    """Set for a temporary password."""


@dataclass(frozen=True)
class UsersAnswer:
    """Every user, by name."""

    users: tuple[UserView, ...]


@dataclass(frozen=True)
class UserKeyView:
    """A key of a user."""

    id: int
    public_id: str
    name: str
    state: KeyState
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class UserAnswer:
    """A user with the user's keys, newest first."""

    user: UserView
    keys: tuple[UserKeyView, ...]


@dataclass(frozen=True)
class TemporaryPasswordAnswer:
    """A password that is shown once."""

    temporary_password: str


@dataclass(frozen=True)
class RevokedAnswer:
    """The keys that this call revoked."""

    revoked_key_ids: tuple[int, ...]


@routes.page("/users", Action.SEE_USERS)
def users_page(visit: Visit) -> Response:
    """List every user."""
    return visit.render(
        "users/list.html", users=_users(visit), may_change=visit.may(Action.CHANGE_USERS)
    )


@routes.page("/users/new", Action.CHANGE_USERS)
def new_user_page(visit: Visit) -> Response:
    """Show the form for a user."""
    return _form_page(visit, UserBody("", enabled=True))


@routes.form("/users", Action.CHANGE_USERS)
def add_user(visit: Visit) -> Response:
    """Add a user."""
    body = visit.read(UserBody)
    try:
        user_id = people.add_person(visit.database, visit.person, _edit(body))
    except RefusedError as refused:
        return _form_page(visit, body, faults_of(refused))
    return visit.redirect(f"/users/{user_id}", "User added.")


@routes.page("/users/{user_id:int}", Action.SEE_USERS)
def user_page(visit: Visit) -> Response:
    """Show a user with the user's keys."""
    return _user_page(visit)


@routes.form("/users/{user_id:int}", Action.CHANGE_USERS)
def edit_user(visit: Visit) -> Response:
    """Edit a user."""
    user_id, body = visit.id("user_id"), visit.read(UserBody)
    try:
        people.edit_person(visit.database, visit.person, user_id, _edit(body))
    except RefusedError as refused:
        return _user_page(visit, body, faults_of(refused))
    return visit.redirect(f"/users/{user_id}", "User saved.")


@routes.form("/users/{user_id:int}/password", Action.CHANGE_USERS)
async def reset_password(visit: Visit) -> Response:
    """Reset a password. The page that answers is the only one that shows it."""
    text = await _reset(visit)
    return await to_thread.run_sync(_password_page, visit, text)


@routes.form("/users/{user_id:int}/revocations", Action.CHANGE_USERS)
def revoke_user_keys(visit: Visit) -> Response:
    """Revoke the keys that were chosen, or all."""
    body = visit.read(RevocationBody)
    try:
        revoked = _revoke(visit, body)
    except RefusedError as refused:
        return _user_page(visit, None, faults_of(refused))
    return visit.redirect(f"/users/{visit.id('user_id')}", f"Keys revoked: {len(revoked)}.")


@routes.call("GET", "/api/v1/users", Action.SEE_USERS, answer=UsersAnswer)
def get_users(visit: Visit) -> Response:
    """List every user."""
    return visit.answer(UsersAnswer(_users(visit)))


@routes.call("POST", "/api/v1/users", Action.CHANGE_USERS, answer=UserAnswer, body=UserBody)
def post_user(visit: Visit) -> Response:
    """Add a user."""
    user_id = people.add_person(visit.database, visit.person, _edit(visit.read(UserBody)))
    return visit.answer(_answer(people.describe(visit.database, user_id)))


@routes.call("GET", "/api/v1/users/{user_id:int}", Action.SEE_USERS, answer=UserAnswer)
def get_user(visit: Visit) -> Response:
    """Describe a user with the user's keys."""
    return visit.answer(_answer(people.describe(visit.database, visit.id("user_id"))))


@routes.call(
    "PUT", "/api/v1/users/{user_id:int}", Action.CHANGE_USERS, answer=UserAnswer, body=UserBody
)
def put_user(visit: Visit) -> Response:
    """Edit a user. A disabled one is signed out, and the user's keys are refused at once."""
    user_id, edit = visit.id("user_id"), _edit(visit.read(UserBody))
    people.edit_person(visit.database, visit.person, user_id, edit)
    return visit.answer(_answer(people.describe(visit.database, user_id)))


@routes.call(
    "POST",
    "/api/v1/users/{user_id:int}/password",
    Action.CHANGE_USERS,
    answer=TemporaryPasswordAnswer,
)
async def post_password(visit: Visit) -> Response:
    """Give a user a temporary password, which ends the user's sessions."""
    return visit.answer(TemporaryPasswordAnswer(await _reset(visit)))


@routes.call(
    "POST",
    "/api/v1/users/{user_id:int}/revocations",
    Action.CHANGE_USERS,
    answer=RevokedAnswer,
    body=RevocationBody,
)
def post_revocations(visit: Visit) -> Response:
    """Revoke keys of a user: those with these ids, or all."""
    return visit.answer(RevokedAnswer(tuple(_revoke(visit, visit.read(RevocationBody)))))


async def _reset(visit: Visit) -> str:
    return await to_thread.run_sync(
        people.reset_password,
        visit.database,
        visit.site.passwords,
        visit.person,
        visit.id("user_id"),
        limiter=visit.site.hashing,
    )


def _revoke(visit: Visit, body: RevocationBody) -> list[int]:
    if not (body.key_ids or body.all_keys):
        raise invalid_fields({"keyIds": "Choose a key."})
    chosen = None if body.all_keys else body.key_ids
    return people.revoke_keys(visit.database, visit.person, visit.id("user_id"), chosen)


def _edit(body: UserBody) -> Edit:
    if not set(body.roles) <= set(ROLES):
        raise invalid_fields({"roles": "There is no such role."})
    return Edit(body.name, body.admin, body.enabled, body.roles)


def _form_page(visit: Visit, body: UserBody, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    status = 422 if faults else 200
    return visit.render("users/new.html", status, user=body, faults=faults, roles=ROLES)


def _user_page(
    visit: Visit, body: UserBody | None = None, faults: Mapping[str, str] = _NO_FAULTS
) -> Response:
    """Show a user; with ``body`` the form keeps what was typed."""
    answer = _answer(people.describe(visit.database, visit.id("user_id")))
    return visit.render(
        "users/one.html",
        422 if faults else 200,
        user=answer.user,
        form=body or answer.user,
        keys=answer.keys,
        faults=faults,
        roles=ROLES,
        may_change=visit.may(Action.CHANGE_USERS),
    )


def _password_page(visit: Visit, text: str) -> Response:
    answer = _answer(people.describe(visit.database, visit.id("user_id")))
    return visit.render("users/password.html", user=answer.user, text=text)


def _users(visit: Visit) -> tuple[UserView, ...]:
    return tuple(_view(person) for person in people.list_people(visit.database)[0])


def _answer(profile: Profile) -> UserAnswer:
    owned = tuple(_key_view(key, profile.now) for key in profile.keys)
    return UserAnswer(_view(profile.person), owned)


def _view(person: Person) -> UserView:
    return UserView(
        person.id,
        person.name,
        person.admin,
        person.enabled,
        person.roles,
        person.created_at_utc,
        person.has_password,
        person.password_expires_at_utc,
    )


def _key_view(key: Key, now: datetime) -> UserKeyView:
    return UserKeyView(
        key.id, key.public_id, key.name, key.state(now), key.created_at_utc, key.expires_at_utc
    )
