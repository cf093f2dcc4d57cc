"""What a person does at the command line: users, keys, and a look at both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.policy import SETTING, Policy, PolicyError, require_lifetime
from signotaur_keyserver.domain.records import REVOKED_BY_PERSON, UNCONFIRMED, Key, User
from signotaur_keyserver.service.names import NAME_RULE, is_name
from signotaur_keyserver.store import (
    event_chain,
    events,
    key_locks,
    keys,
    rotations,
    sessions,
    settings,
    users,
)
from signotaur_wire import keyformat
from signotaur_wire.messages import RotationState
from signotaur_wire.roles import canonical


class AdministrationError(Exception):
    """What was asked for cannot be done. Nothing was changed."""


@dataclass(frozen=True)
class KeyOverview:
    """A key as a person sees it."""

    key: Key
    now: datetime
    successor_key_ids: tuple[int, ...]
    """Keys that confirmed rotations made of this one."""


def add_user(database: Database, name: str, *, admin: bool, roles: Sequence[str]) -> int:
    """Add an enabled user and return its id. Raises AdministrationError for a taken name."""
    _require_name(name)
    with database.write() as connection:
        event_chain.lock_head(connection)  # names are given one at a time, see store.key_locks
        now = database.clock.now(connection)
        canonical_roles = [canonical(role) for role in roles]
        try:
            user_id = users.add(connection, name, admin=admin, roles=canonical_roles, now=now)
        except users.UserExistsError:
            raise AdministrationError("a user with this name already exists") from None
        event = Event(Level.SECURITY, EventType.USER_ADDED, f"User {name} was added.", user_id)
        events.write(connection, now, event)
        return user_id


def set_user_enabled(database: Database, name: str, *, enabled: bool) -> None:
    """Enable or disable a user with all its keys."""
    with database.write() as connection:
        user = require_user(connection, name)
        users.set_enabled(connection, user.id, enabled=enabled)
        if not enabled:
            sessions.delete_of_user(connection, user.id)
        event_type = EventType.USER_ENABLED if enabled else EventType.USER_DISABLED
        message = f"User {name} was {'enabled' if enabled else 'disabled'}."
        now = database.clock.now(connection)
        events.write(connection, now, Event(Level.SECURITY, event_type, message, user.id))


def add_key(database: Database, user: str, name: str, lifetime: timedelta | None) -> str:
    """Make a key for a user and return its text: the only time that it can be seen.

    Raises AdministrationError, also for a lifetime that the server's policy does not allow.
    """
    _require_name(name)
    with database.write() as connection:
        now = database.clock.now(connection)
        owner = require_user(connection, user)
        require_allowed_lifetime(connection, lifetime)
        expires = None if lifetime is None else now + lifetime
        return insert_key(connection, owner, name, expires, now)[0]


def insert_key(
    connection: Connection,
    owner: User,
    name: str,
    expires: datetime | None,
    now: datetime,
    replaced: Key | None = None,
    public_id: str | None = None,
) -> tuple[str, int]:
    """Make a key in a transaction; return its text and its id.

    It has the same policy as the key that it replaces. Raises KeyExistsError for a ``public_id``
    that is taken; None: a random one.
    """
    text = keyformat.generate(public_id)
    parsed = keyformat.parse(text)
    new = keys.NewKey(
        parsed.public_id,
        parsed.sha256,
        owner.id,
        name,
        now,
        expires,
        rotated_from_key_id=None if replaced is None else replaced.id,
        policy={} if replaced is None else keys.own_policy(replaced),
    )
    key_id = keys.add(connection, new)
    message = f"Key {key_id} ({name}) was added for {owner.name}."
    event = Event(Level.SECURITY, EventType.KEY_ADDED, message, owner.id, key_id)
    events.write(connection, now, event)
    return text, key_id


def revoke_key(database: Database, key_id: int) -> bool:
    """Revoke a key at once; False when it was revoked already.

    A candidate's rotation ends with it, so that it blocks no later one.
    """
    with database.write() as connection:
        key_locks.lock(connection, [key_id])
        now = database.clock.now(connection)
        return revoke_alive(connection, require_key(connection, key_id), now, "an administrator")


def revoke_alive(connection: Connection, key: Key, now: datetime, by: str) -> bool:
    """Revoke a key in a transaction; False when it was revoked already. ``by`` is a name."""
    if not keys.revoke(connection, key.id, now, REVOKED_BY_PERSON):
        return False
    if key.origin in UNCONFIRMED:
        _abort_own_rotation(connection, key, now)
    message = f"Key {key.id} was revoked by {by}."
    event = Event(Level.SECURITY, EventType.KEY_REVOKED, message, key.owner_id, key.id)
    events.write(connection, now, event)
    return True


def set_key_enabled(database: Database, key_id: int, *, enabled: bool) -> None:
    """Enable or disable a key."""
    with database.write() as connection:
        key = require_key(connection, key_id)
        keys.set_enabled(connection, key_id, enabled=enabled)
        event_type = EventType.KEY_ENABLED if enabled else EventType.KEY_DISABLED
        message = f"Key {key_id} was {'enabled' if enabled else 'disabled'}."
        now = database.clock.now(connection)
        event = Event(Level.SECURITY, event_type, message, key.owner_id, key_id)
        events.write(connection, now, event)


def list_keys(database: Database) -> list[KeyOverview]:
    """Return every key with its successors."""
    with database.read() as connection:
        now = database.clock.now(connection)
        successors: dict[int, list[int]] = {}
        for old, new in rotations.confirmed_successors(connection):
            successors.setdefault(old, []).append(new)
        return [
            KeyOverview(key, now, tuple(successors.get(key.id, ())))
            for key in keys.every(connection)
        ]


def list_events(database: Database, limit: int) -> list[events.StoredEvent]:
    """Return the latest events, oldest first."""
    with database.read() as connection:
        return events.latest(connection, limit)


def _abort_own_rotation(connection: Connection, key: Key, now: datetime) -> None:
    own = rotations.of_new_key(connection, key.id)
    if own is None:
        return
    rotations.set_state(connection, own.id, RotationState.ABORTED)
    message = f"Rotation of key {own.old_key_id} was aborted: its candidate was revoked."
    aborted = EventType.ROTATION_ABORTED
    event = Event(Level.WARNING, aborted, message, key.owner_id, key.id, rotation_id=own.id)
    events.write(connection, now, event)


def require_user(connection: Connection, name: str) -> User:
    """Return the user of a name. Raises AdministrationError when there is none."""
    user = users.find(connection, name)
    if user is None:
        raise AdministrationError("there is no user with this name")
    return user


def require_key(connection: Connection, key_id: int) -> Key:
    """Return the key of an id. Raises AdministrationError when there is none."""
    key = keys.get(connection, key_id)
    if key is None:
        raise AdministrationError(f"there is no key {key_id}")
    return key


def require_allowed_lifetime(connection: Connection, lifetime: timedelta | None) -> None:
    """Raise AdministrationError for a lifetime that the server's policy does not allow."""
    try:
        require_lifetime(Policy.from_json(settings.find(connection, SETTING)), lifetime)
    except PolicyError as error:
        raise AdministrationError(str(error)) from None


def _require_name(name: str) -> None:
    if not is_name(name):
        raise AdministrationError(NAME_RULE)
