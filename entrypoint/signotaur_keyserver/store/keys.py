"""Statements on keys. One statement tells all that authentication must know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from signotaur_keyserver.database.functions import database_now, joined_text
from signotaur_keyserver.domain.policy import SETTING
from signotaur_keyserver.domain.records import UNCONFIRMED, Key
from signotaur_keyserver.domain.schema import keys, rotations, settings, user_roles, users
from signotaur_wire.members import Json
from signotaur_wire.messages import KeyState, RotationState

_own = rotations.alias("own")
_POLICY_COLUMNS = (
    "purpose",
    "networks",
    "requests_per_minute",
    "signatures_per_hour",
    "overlap_days_min",
    "overlap_days_max",
)


def _unconfirmed(state: ColumnElement[RotationState]) -> ColumnElement[bool]:
    # Not in_(): SQLAlchemy renders a list of values again at every execution.
    return or_(*(state == unconfirmed for unconfirmed in UNCONFIRMED))


_roles = (
    select(joined_text(user_roles.c.role))
    .where(user_roles.c.user_id == users.c.id)
    .scalar_subquery()
)
_rotation_as_old_key = (
    select(rotations.c.id)
    .where(
        rotations.c.old_key_id == keys.c.id,
        or_(_unconfirmed(rotations.c.state), rotations.c.state == RotationState.CONFIRMED),
    )
    .order_by(
        case((rotations.c.state == RotationState.CONFIRMED, 1), else_=0),
        rotations.c.opened_at_utc.desc(),
    )
    .limit(literal_column("1"))
    .scalar_subquery()
)
# A candidate's own rotation; else the one that replaces the key; else the one that failed to
# confirm it.
_rotation_id = case(
    (_unconfirmed(_own.c.state), _own.c.id),
    else_=func.coalesce(
        _rotation_as_old_key, case((_own.c.state != RotationState.CONFIRMED, _own.c.id))
    ),
)
_server_policy = select(settings.c.value).where(settings.c.name == SETTING).scalar_subquery()
_FIND: Select[tuple[object, ...]] = (
    select(
        *keys.c,
        users.c.name.label("owner"),
        users.c.enabled.label("owner_enabled"),
        _roles.label("roles"),
        _own.c.state.label("origin"),
        _rotation_id.label("rotation_id"),
        _server_policy.label("server_policy"),
    )
    .join(users, users.c.id == keys.c.owner_id)
    .outerjoin(_own, _own.c.new_key_id == keys.c.id)
)
_FIND_USED = _FIND.add_columns(database_now().label("now")).where(
    keys.c.public_id == bindparam("public_id")
)
_FIND_BY_ID = _FIND.where(keys.c.id == bindparam("key_id"))
_LIST = _FIND.order_by(keys.c.id)

FIND, OWN = _FIND, _own  # all that a Key is made of, and its own rotation, for key_list

# What a rotation executes is built once: building a statement takes longer than executing it.
_THIS = keys.c.id == bindparam("this_id")
_ADD = insert(keys).returning(keys.c.id)
_ARM = (
    update(keys)
    .where(_THIS, keys.c.revoked_at_utc.is_(None))
    .values(revoke_due_utc=bindparam("due"), revoke_reason=bindparam("why"))
)
_MARK_FIRST_USE = (
    update(keys)
    .where(_THIS, keys.c.first_used_at_utc.is_(None))
    .values(first_used_at_utc=bindparam("now"))
    .returning(keys.c.id)
)
_MARK_IN_USE = update(keys).where(_THIS).values(in_use_since_utc=bindparam("now"))
_NOTE_DEADLINE = update(keys).where(_THIS).values(auto_revoke_old_key_utc=bindparam("due"))


class KeyExistsError(Exception):
    """A key of this public id or digest is already stored."""


@dataclass(frozen=True)
class NewKey:
    """What is stored of a new key."""

    public_id: str
    sha256: str
    owner_id: int
    name: str
    created_at_utc: datetime
    expires_at_utc: datetime | None
    rotated_from_key_id: int | None = None
    policy: Json = field(default_factory=dict)
    """Columns of the key's own policy; see ``own_policy``."""
    trust_id: int | None = None


def find_used(connection: Connection, public_id: str) -> tuple[Key, datetime] | None:
    """Return the key of a public id and the database's time, by one statement; None if unknown."""
    row = connection.execute(_FIND_USED, {"public_id": public_id}).mappings().one_or_none()
    return None if row is None else (key_of(row), row["now"])


def require_used(connection: Connection, public_id: str) -> tuple[Key, datetime]:
    """Return a key that was found before, and the database's time: keys are never deleted."""
    row = connection.execute(_FIND_USED, {"public_id": public_id}).mappings().one()
    return key_of(row), row["now"]


def get(connection: Connection, key_id: int) -> Key | None:
    """Return the key of an id, or None."""
    row = connection.execute(_FIND_BY_ID, {"key_id": key_id}).mappings().one_or_none()
    return None if row is None else key_of(row)


def require(connection: Connection, key_id: int) -> Key:
    """Return the key of an id that a row refers to: keys are never deleted."""
    return key_of(connection.execute(_FIND_BY_ID, {"key_id": key_id}).mappings().one())


def every(connection: Connection) -> list[Key]:
    """Return all keys, by id."""
    return [key_of(row) for row in connection.execute(_LIST).mappings()]


def of_owner(connection: Connection, owner_id: int) -> list[Key]:
    """Return all keys of a user, by id."""
    owned = _LIST.where(keys.c.owner_id == owner_id)
    return [key_of(row) for row in connection.execute(owned).mappings()]


def add(connection: Connection, new: NewKey) -> int:
    """Insert an enabled key and return its id. Raises KeyExistsError."""
    is_successor = new.rotated_from_key_id is not None
    values = {
        **{name: value for name, value in vars(new).items() if name != "policy"},
        **new.policy,
        "enabled": True,
        "rotation_timestamp_utc": new.created_at_utc if is_successor else None,
    }
    try:
        key_id: int = connection.execute(_ADD, values).scalar_one()
    except IntegrityError as error:
        raise KeyExistsError from error
    return key_id


def own_policy(key: Key) -> Json:
    """Return the columns of a key's own policy; a successor gets the same."""
    return {name: getattr(key, name) for name in _POLICY_COLUMNS}


def set_policy(connection: Connection, key_id: int, **columns: object) -> None:
    """Change columns of a key's own policy."""
    connection.execute(update(keys).where(keys.c.id == key_id).values(**columns))


def of_trust(connection: Connection, trust_id: int, now: datetime) -> list[Key]:
    """Return keys that were made for tokens of a trust, and their successors, which live, by id."""
    live = (
        keys.c.trust_id == trust_id,
        keys.c.revoked_at_utc.is_(None),
        keys.c.expires_at_utc > now,
    )
    return [key_of(row) for row in connection.execute(_LIST.where(*live)).mappings()]


def hide_of_tokens(connection: Connection, expired_before: datetime, now: datetime) -> None:
    """No longer list keys that were made for ID tokens and expired before a moment."""
    old = (
        keys.c.trust_id.is_not(None),
        keys.c.expires_at_utc < expired_before,
        keys.c.deleted_at_utc.is_(None),
    )
    connection.execute(update(keys).where(*old).values(deleted_at_utc=now))


def set_enabled(connection: Connection, key_id: int, *, enabled: bool) -> None:
    """Enable or disable a key."""
    connection.execute(update(keys).where(keys.c.id == key_id).values(enabled=enabled))


def arm(connection: Connection, key_id: int, due: datetime, reason: str) -> None:
    """Give a key that is not revoked the deadline after which it is refused."""
    connection.execute(_ARM, {"this_id": key_id, "due": due, "why": reason})


def disarm(connection: Connection, key_id: int) -> None:
    """Take a key's deadline away."""
    disarmed = update(keys).where(keys.c.id == key_id)
    connection.execute(disarmed.values(revoke_due_utc=None, revoke_reason=None))


def revoke(connection: Connection, key_id: int, at: datetime, reason: str) -> bool:
    """Revoke a key for good; False when it was already revoked."""
    revoked = connection.execute(
        update(keys)
        .where(keys.c.id == key_id, keys.c.revoked_at_utc.is_(None))
        .values(revoked_at_utc=at, revoke_reason=reason)
        .returning(keys.c.id)
    )
    return revoked.one_or_none() is not None


def mark_first_use(connection: Connection, key_id: int, now: datetime) -> bool:
    """Record the first use of a key; False when it was recorded before."""
    marked = connection.execute(_MARK_FIRST_USE, {"this_id": key_id, "now": now})
    return marked.one_or_none() is not None


def mark_in_use(connection: Connection, key_id: int, now: datetime) -> None:
    """Record the first use of a key since its rotation was confirmed."""
    connection.execute(_MARK_IN_USE, {"this_id": key_id, "now": now})


def note_old_key_deadline(connection: Connection, key_id: int, due: datetime) -> None:
    """Write into a new key's lineage when its old key dies."""
    connection.execute(_NOTE_DEADLINE, {"this_id": key_id, "due": due})


def count_by_state(connection: Connection, now: datetime) -> dict[KeyState, int]:
    """Count keys by what ``Key.state`` says of each; states without a key are left out."""
    state = case(
        (
            or_(keys.c.revoked_at_utc.is_not(None), keys.c.revoke_due_utc <= now),
            KeyState.REVOKED.value,
        ),
        (keys.c.expires_at_utc <= now, KeyState.EXPIRED.value),
        (not_(and_(keys.c.enabled, users.c.enabled)), KeyState.DISABLED.value),
        (_own.c.state != RotationState.CONFIRMED, KeyState.CANDIDATE.value),
        else_=KeyState.ACTIVE.value,
    ).label("present_state")
    counted = (
        select(state, func.count().label("amount"))
        .select_from(keys)
        .join(users, users.c.id == keys.c.owner_id)
        .outerjoin(_own, _own.c.new_key_id == keys.c.id)
        .group_by(state)
    )
    return {KeyState(row.present_state): row.amount for row in connection.execute(counted)}


def key_of(row: Mapping[str, Any] | RowMapping) -> Key:
    """Return the key of a row that has the columns of ``FIND``."""
    values = dict(row)
    values.pop("now", None)
    values["roles"] = tuple(sorted(values["roles"].split(","))) if values["roles"] else ()
    return Key(**values)
