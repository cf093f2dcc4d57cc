"""What administrators do with people, and what people do with their own passwords."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database, DatabaseUnavailableError
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Key, Person, Session
from signotaur_keyserver.service import passwords as rules
from signotaur_keyserver.service import sign_in
from signotaur_keyserver.service.administration import (
    AdministrationError,
    require_user,
    revoke_alive,
)
from signotaur_keyserver.service.names import NAME_RULE, is_name
from signotaur_keyserver.service.passwords import Passwords
from signotaur_keyserver.service.person_transaction import require_administrator
from signotaur_keyserver.service.sign_in import Origin
from signotaur_keyserver.store import event_chain, events, key_locks, keys, people, sessions, users
from signotaur_wire.members import Json
from signotaur_wire.roles import AUDITOR, ROTATOR, canonical

TEMPORARY = timedelta(hours=12)
"""How long a temporary password opens a session."""
ROLES = (ROTATOR, AUDITOR)
"""Roles that mean something to this server; a user may have others."""


_NOT_NEW = "The new password must not be the current one."
_TRIES = 200
"""Of a rename, each after the transaction that had the user could go on."""


class _InUseError(Exception):
    """Another transaction has the user, and may wait for this one."""


@dataclass(frozen=True)
class Edit:
    """What a form says of a user."""

    name: str
    admin: bool
    enabled: bool
    roles: Sequence[str]
    """Of ``ROLES``."""


@dataclass(frozen=True)
class Profile:
    """A person with its keys, at a moment."""

    person: Person
    keys: Sequence[Key]
    now: datetime


def list_people(database: Database) -> tuple[list[Person], datetime]:
    """Return everybody by name, and the database's time."""
    with database.read() as connection:
        return people.every(connection), database.clock.now(connection)


def describe(database: Database, user_id: int) -> Profile:
    """Return a person with its keys, newest first. Raises RefusedError when there is none."""
    with database.read() as connection:
        person = _require(connection, user_id)
        owned = keys.of_owner(connection, user_id)
        return Profile(person, owned[::-1], database.clock.now(connection))


def add_person(database: Database, by: Person, edit: Edit) -> int:
    """Add a user and return its id. Raises RefusedError with the fields at fault."""
    with database.write() as connection:
        require_administrator(connection, by)
        _require_name(connection, edit.name)
        now = database.clock.now(connection)
        roles = list(edit.roles)
        user_id = users.add(connection, edit.name, admin=edit.admin, roles=roles, now=now)
        message = f"User {edit.name} was added by {by.name}."
        data = {"admin": edit.admin, "roles": roles, "byUserId": by.id}
        _log(connection, now, EventType.USER_ADDED, message, user_id, data)
        return user_id


def edit_person(database: Database, by: Person, user_id: int, edit: Edit) -> None:
    """Change a user. A disabled one is signed out, and its keys are refused at once.

    Raises RefusedError with the fields at fault. Nobody takes its own rights away, so that an
    enabled administrator always remains.
    """
    for _ in range(_TRIES):
        with suppress(_InUseError), database.write() as connection:
            _edit(connection, database.clock.now(connection), by, user_id, edit)
            return
    raise DatabaseUnavailableError(
        "the user was changed by others during every attempt: nothing was changed; try again"
    )


def _edit(connection: Connection, now: datetime, by: Person, user_id: int, edit: Edit) -> None:
    require_administrator(connection, by)
    person = _require(connection, user_id)
    _require_not_self(by, person, edit)
    kept = [role for role in person.roles if role not in ROLES]
    roles = sorted({*kept, *edit.roles})
    people.edit(connection, user_id, admin=edit.admin, enabled=edit.enabled)
    people.set_roles(connection, user_id, roles)
    if not edit.enabled:
        sessions.delete_of_user(connection, user_id)
    if edit.name != person.name:
        _require_name(connection, edit.name)
        if not people.rename(connection, user_id, edit.name):
            raise _InUseError
    data: Json = {
        "name": edit.name,
        "admin": edit.admin,
        "enabled": edit.enabled,
        "roles": roles,
        "byUserId": by.id,
    }
    message = f"User {edit.name} was edited by {by.name}."
    _log(connection, now, EventType.USER_EDITED, message, user_id, data)


def reset_password(database: Database, passwords: Passwords, by: Person, user_id: int) -> str:
    """Give a user a temporary password and end its sessions; return the password."""
    text = rules.temporary()
    password_hash = passwords.hash(text)
    with database.write() as connection:
        require_administrator(connection, by)
        person = _require(connection, user_id)
        if person.id == by.id:
            raise refusals.not_allowed("Change your own password on your profile.")
        now = database.clock.now(connection)
        people.set_password(connection, user_id, password_hash, now + TEMPORARY)
        sessions.delete_of_user(connection, user_id)
        message = f"The password of user {person.name} was reset by {by.name}."
        _log(connection, now, EventType.PASSWORD_RESET, message, user_id, {"byUserId": by.id})
    return text


def change_password(
    database: Database,
    passwords: Passwords,
    session: Session,
    current: str,
    new: str,
    origin: Origin,
) -> str:
    """Change a person's own password and end all its sessions; return the token of a new one.

    Raises RefusedError with the fields at fault.
    """
    person = session.person
    with database.read() as connection:
        stored = people.password_of(connection, person.name)
    old_hash = None if stored is None else stored[1]
    if not passwords.matches(old_hash, current):
        raise refusals.invalid_fields({"current": "The current password is wrong."})
    fault = _NOT_NEW if new == current else rules.fault(new, person.name)
    if fault is not None:
        raise refusals.invalid_fields({"new": fault})
    new_hash = passwords.hash(new)
    with database.write() as connection:
        if sessions.find(connection, session.token_sha256) is None:
            raise refusals.sign_in_required()
        now = database.clock.now(connection)
        people.set_password(connection, person.id, new_hash, None)
        sessions.delete_of_user(connection, person.id)
        message = f"User {person.name} changed the password."
        event = Event(
            Level.SECURITY, EventType.PASSWORD_CHANGED, message, person.id, source=origin.address
        )
        events.write(connection, now, event)
        return sign_in.begin(connection, person, now, origin)


def set_password(
    database: Database, passwords: Passwords, name: str, password: str, *, temporary: bool
) -> None:
    """Give a user a password from the command line. Raises AdministrationError."""
    fault = rules.fault(password, name)
    if fault is not None:
        raise AdministrationError(fault)
    password_hash = passwords.hash(password)
    with database.write() as connection:
        user = require_user(connection, name)
        now = database.clock.now(connection)
        expires = now + TEMPORARY if temporary else None
        people.set_password(connection, user.id, password_hash, expires)
        sessions.delete_of_user(connection, user.id)
        message = f"The password of user {name} was set at the command line."
        _log(connection, now, EventType.PASSWORD_RESET, message, user.id, {})


def change_rights(
    database: Database, name: str, *, admin: bool | None, add: Sequence[str], remove: Sequence[str]
) -> None:
    """Change the rights of a user from the command line; None leaves ``admin`` as it is.

    Raises AdministrationError.
    """
    with database.write() as connection:
        person = _require(connection, require_user(connection, name).id)
        removed = {canonical(role) for role in remove}
        roles = sorted({*person.roles, *map(canonical, add)} - removed)
        is_admin = person.admin if admin is None else admin
        people.edit(connection, person.id, admin=is_admin, enabled=person.enabled)
        people.set_roles(connection, person.id, roles)
        message = f"User {name} was edited at the command line."
        data: Json = {"admin": is_admin, "roles": roles}
        now = database.clock.now(connection)
        _log(connection, now, EventType.USER_EDITED, message, person.id, data)


def revoke_keys(
    database: Database, by: Person, user_id: int, key_ids: Sequence[int] | None
) -> list[int]:
    """Revoke keys of a user at once; None means all. Return ids of those that lived until now."""
    with database.write() as connection:
        require_administrator(connection, by)
        _require(connection, user_id)
        key_locks.lock(connection, [key.id for key in keys.of_owner(connection, user_id)])
        now = database.clock.now(connection)
        chosen = [
            key
            for key in keys.of_owner(connection, user_id)
            if key_ids is None or key.id in key_ids
        ]
        return [key.id for key in chosen if revoke_alive(connection, key, now, by.name)]


def _require(connection: Connection, user_id: int) -> Person:
    person = people.get(connection, user_id)
    if person is None:
        raise refusals.not_found()
    return person


def _require_name(connection: Connection, name: str) -> None:
    if not is_name(name):
        raise refusals.invalid_fields({"name": NAME_RULE})
    event_chain.lock_head(connection)  # names are given one at a time, see store.key_locks
    if users.find(connection, name) is not None:
        raise refusals.invalid_fields({"name": "A user with this name already exists."})


def _require_not_self(by: Person, person: Person, edit: Edit) -> None:
    if person.id != by.id:
        return
    faults = {}
    if not edit.enabled:
        faults["enabled"] = "You cannot disable yourself."
    if not edit.admin:
        faults["admin"] = "You cannot take this right from yourself."
    if faults:
        raise refusals.invalid_fields(faults)


def _log(
    connection: Connection,
    now: datetime,
    event_type: EventType,
    message: str,
    user_id: int,
    data: Json,
) -> None:
    events.write(connection, now, Event(Level.SECURITY, event_type, message, user_id, data=data))
