"""Statements that list keys for people: a page of them, counts, a lineage, and who used a key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from signotaur_keyserver.domain.key_status import IDLE, SOON, Concern, KeyStatus
from signotaur_keyserver.domain.records import Key
from signotaur_keyserver.domain.schema import key_uses, keys, rotations, users
from signotaur_keyserver.store.keys import FIND, OWN, key_of
from signotaur_wire.messages import RotationState

_as_old = rotations.alias("as_old")


class Sort(StrEnum):
    """What a list of keys is ordered by."""

    NAME = "name"
    CREATED = "created"
    EXPIRES = "expires"
    USED = "used"
    STATE = "state"


@dataclass(frozen=True)
class KeyFilter:
    """Which keys are listed, and how. Deleted ones never are."""

    owner_id: int | None = None
    """None: everybody's."""
    search: str = ""
    """Part of a name, of the owner's name, or of the public id."""
    status: KeyStatus | None = None
    concern: Concern | None = None
    sort: Sort = Sort.CREATED
    descending: bool = True
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True)
class Listed:
    """A key with what it is to a person."""

    key: Key
    status: KeyStatus


@dataclass(frozen=True)
class Use:
    """From where and by what a key was used, and how often."""

    network: str
    client: str
    first_at_utc: datetime
    last_at_utc: datetime
    uses: int


def page(connection: Connection, key_filter: KeyFilter, now: datetime) -> list[Listed]:
    """Return one page of keys."""
    status = _status(now)
    column = {
        Sort.NAME: func.lower(keys.c.name),
        Sort.CREATED: keys.c.created_at_utc,
        Sort.EXPIRES: keys.c.expires_at_utc,
        Sort.USED: keys.c.last_used_at_utc,
        Sort.STATE: status,
    }[key_filter.sort]
    order = column.desc() if key_filter.descending else column.asc()
    last = keys.c.id.desc() if key_filter.descending else keys.c.id.asc()
    ordered = order.nulls_last(), last
    # First which keys: all columns of all keys, to show a few of them, take most of the time.
    chosen = _joined(keys.c.id).where(*_filtered(key_filter, now)).order_by(*ordered)
    page = chosen.offset(key_filter.offset).limit(key_filter.limit).subquery()
    statement = FIND.add_columns(status.label("status")).where(keys.c.id.in_(select(page.c.id)))
    return _listed(connection, statement.order_by(*ordered))


def count(connection: Connection, key_filter: KeyFilter, now: datetime) -> int:
    """Return how many keys all pages have."""
    counted = _joined(func.count()).where(*_filtered(key_filter, now))
    return int(connection.execute(counted).scalar_one())


def concerns(connection: Connection, owner_id: int | None, now: datetime) -> dict[Concern, int]:
    """Count the keys that need a decision, by what it is about."""
    sums = [func.count().filter(_concern(each, now)).label(each.name) for each in Concern]
    row = connection.execute(_joined(*sums).where(*_owned(owner_id))).one()
    return {each: getattr(row, each.name) for each in Concern}


def deletable(connection: Connection, owner_id: int | None, now: datetime) -> dict[KeyStatus, int]:
    """Count the keys that a clean-up can delete, by their status."""
    status = _status(now).label("status")
    counted = _joined(status, func.count().label("amount")).where(
        *_owned(owner_id),
        or_(_is_dead(now), keys.c.enabled.is_(False)),
    )
    rows = connection.execute(counted.group_by(status))
    found = {KeyStatus(row.status): int(row.amount) for row in rows}
    return {each: found.get(each, 0) for each in KeyStatus if each.is_cleanable}


def of_status(
    connection: Connection,
    owner_id: int | None,
    statuses: Sequence[KeyStatus],
    now: datetime,
    limit: int,
) -> list[Listed]:
    """Return the oldest keys of some statuses that a clean-up can delete."""
    status = _status(now)
    statement = FIND.add_columns(status.label("status")).where(
        *_owned(owner_id),
        or_(_is_dead(now), keys.c.enabled.is_(False)),
        status.in_([each.value for each in statuses]),
    )
    return _listed(connection, statement.order_by(keys.c.id).limit(limit))


def lineage(connection: Connection, key_id: int, now: datetime, limit: int) -> list[Listed]:
    """Return a key with all of its lineage, deleted keys too, newest first; the nearest ones."""
    up = (
        select(keys.c.id, keys.c.rotated_from_key_id)
        .where(keys.c.id == key_id)
        .cte("ancestors", recursive=True)
    )
    up = up.union(
        select(keys.c.id, keys.c.rotated_from_key_id).join(
            up, keys.c.id == up.c.rotated_from_key_id
        )
    )
    down = select(up.c.id).where(up.c.rotated_from_key_id.is_(None)).cte("family", recursive=True)
    down = down.union(select(keys.c.id).join(down, keys.c.rotated_from_key_id == down.c.id))
    statement = FIND.add_columns(_status(now).label("status")).where(
        keys.c.id.in_(select(down.c.id))
    )
    nearest = statement.order_by(func.abs(keys.c.id - key_id)).limit(limit)
    return sorted(_listed(connection, nearest), key=lambda each: each.key.id, reverse=True)


def mark_deleted(connection: Connection, key_ids: Sequence[int], now: datetime) -> None:
    """No longer list these keys. Their rows stay, because lineage and events refer to them."""
    connection.execute(update(keys).where(keys.c.id.in_(key_ids)).values(deleted_at_utc=now))


def uses_after_rotation(connection: Connection, old_key_ids: Sequence[int]) -> dict[int, list[Use]]:
    """Return who used a rotated key after the first confirmation of its rotation, by key id."""
    confirmed = (
        select(_as_old.c.old_key_id, func.min(_as_old.c.confirmed_at_utc).label("at"))
        .where(_as_old.c.state == RotationState.CONFIRMED, _as_old.c.old_key_id.in_(old_key_ids))
        .group_by(_as_old.c.old_key_id)
        .subquery()
    )
    statement = (
        select(*key_uses.c)
        .join(confirmed, confirmed.c.old_key_id == key_uses.c.key_id)
        .where(key_uses.c.last_at_utc > confirmed.c.at)
        .order_by(key_uses.c.last_at_utc.desc())
    )
    found: dict[int, list[Use]] = {}
    for row in connection.execute(statement).mappings():
        values = dict(row)
        found.setdefault(values.pop("key_id"), []).append(Use(**values))
    return found


def _joined(*columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(keys)
        .join(users, users.c.id == keys.c.owner_id)
        .outerjoin(OWN, OWN.c.new_key_id == keys.c.id)
    )


def _listed(connection: Connection, statement: Select[Any]) -> list[Listed]:
    listed = []
    for row in connection.execute(statement).mappings():
        values = dict(row)
        status = KeyStatus(values.pop("status"))
        listed.append(Listed(key_of(values), status))
    return listed


def _owned(owner_id: int | None) -> list[ColumnElement[bool]]:
    present = keys.c.deleted_at_utc.is_(None)
    return [present] if owner_id is None else [present, keys.c.owner_id == owner_id]


def _filtered(key_filter: KeyFilter, now: datetime) -> list[ColumnElement[bool]]:
    chosen = _owned(key_filter.owner_id)
    if key_filter.search:
        chosen.append(
            or_(
                keys.c.name.icontains(key_filter.search, autoescape=True),
                users.c.name.icontains(key_filter.search, autoescape=True),
                keys.c.public_id.contains(key_filter.search, autoescape=True),
            )
        )
    if key_filter.status is not None:
        chosen.append(_status(now) == key_filter.status.value)
    if key_filter.concern is not None:
        chosen.append(_concern(key_filter.concern, now))
    return chosen


def _is_dead(now: datetime) -> ColumnElement[bool]:
    return or_(
        keys.c.revoked_at_utc.is_not(None),
        keys.c.revoke_due_utc <= now,
        keys.c.expires_at_utc <= now,
    )


def _lives(now: datetime) -> ColumnElement[bool]:
    return and_(
        keys.c.revoked_at_utc.is_(None),
        or_(keys.c.revoke_due_utc.is_(None), keys.c.revoke_due_utc > now),
        or_(keys.c.expires_at_utc.is_(None), keys.c.expires_at_utc > now),
    )


def _is_held(rotation: FromClause, now: datetime) -> ColumnElement[bool]:
    """Whether a rotation was not confirmed in time, as ``Rotation.state_at`` says."""
    columns = rotation.c
    ended = and_(columns.overlap_end_utc <= now, columns.lease_until_utc <= now)
    return or_(
        columns.state == RotationState.HELD, and_(columns.state == RotationState.OPEN, ended)
    )


def _status(now: datetime) -> ColumnElement[str]:
    """Return the one word of a key's state: of several, the one that matters most."""
    held_successor = exists().where(_as_old.c.old_key_id == keys.c.id, _is_held(_as_old, now))
    return case(
        (
            or_(keys.c.revoked_at_utc.is_not(None), keys.c.revoke_due_utc <= now),
            KeyStatus.REVOKED.value,
        ),
        (keys.c.expires_at_utc <= now, KeyStatus.EXPIRED.value),
        (~and_(keys.c.enabled, users.c.enabled), KeyStatus.DISABLED.value),
        (or_(_is_held(OWN, now), held_successor), KeyStatus.STALLED.value),
        (keys.c.revoke_due_utc.is_not(None), KeyStatus.OVERLAP.value),
        (OWN.c.state != RotationState.CONFIRMED, KeyStatus.CANDIDATE.value),
        (keys.c.expires_at_utc <= now + SOON, KeyStatus.EXPIRES_SOON.value),
        else_=KeyStatus.ACTIVE.value,
    )


def _concern(concern: Concern, now: datetime) -> ColumnElement[bool]:
    alive = and_(_lives(now), keys.c.enabled, users.c.enabled)
    settled = and_(alive, keys.c.revoke_due_utc.is_(None))
    used = func.coalesce(keys.c.last_used_at_utc, keys.c.first_used_at_utc, keys.c.created_at_utc)
    used_after = exists().where(
        _as_old.c.old_key_id == keys.c.id,
        _as_old.c.state == RotationState.CONFIRMED,
        _as_old.c.confirmed_at_utc < keys.c.last_used_at_utc,
    )
    return {
        Concern.STALLED: and_(alive, _is_held(OWN, now)),
        Concern.OLD_KEY_IN_USE: and_(alive, used_after),
        Concern.EXPIRES_SOON: and_(settled, keys.c.expires_at_utc <= now + SOON),
        Concern.NEVER_EXPIRES: and_(settled, keys.c.expires_at_utc.is_(None)),
        Concern.IDLE: and_(settled, used <= now - IDLE),
    }[concern]
