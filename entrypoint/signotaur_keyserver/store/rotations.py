"""Statements on rotations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Integer,
    RowMapping,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from signotaur_keyserver.domain.records import Rotation
from signotaur_keyserver.domain.schema import keys, rotations
from signotaur_wire.messages import DestinationOutcome, RotationState

_replaced = keys.alias("replaced")
_announced = keys.c.auto_revoke_old_key_utc
# A person may have revoked the old key before.
_old_key_end = case(
    (_replaced.c.revoked_at_utc < _announced, _replaced.c.revoked_at_utc), else_=_announced
)
_SELECT: Select[tuple[object, ...]] = (
    select(
        *rotations.c,
        keys.c.public_id.label("new_public_id"),
        keys.c.sha256.label("new_sha256"),
        keys.c.name.label("new_name"),
        keys.c.expires_at_utc.label("new_expires_at_utc"),
        keys.c.revoke_due_utc.label("new_revoke_due_utc"),
        keys.c.revoked_at_utc.label("new_revoked_at_utc"),
        keys.c.revoke_reason.label("new_revoke_reason"),
        keys.c.first_used_at_utc.label("new_first_used_at_utc"),
        keys.c.in_use_since_utc.label("new_in_use_since_utc"),
        _old_key_end.label("new_auto_revoke_old_key_utc"),
    )
    .join(keys, keys.c.id == rotations.c.new_key_id)
    .join(_replaced, _replaced.c.id == rotations.c.old_key_id)
)
_FIND = _SELECT.where(rotations.c.id == bindparam("rotation_id"))
_OF_NEW_KEY = _SELECT.where(rotations.c.new_key_id == bindparam("new_key_id"))
# A key, and all that superseded rotations connect it with, up and down.
_family = select(cast(bindparam("old_key_id"), Integer).label("key_id")).cte(
    "family", recursive=True
)
_made_of_family = rotations.c.old_key_id == _family.c.key_id
_family = _family.union(
    select(case((_made_of_family, rotations.c.new_key_id), else_=rotations.c.old_key_id))
    .join(_family, or_(_made_of_family, rotations.c.new_key_id == _family.c.key_id))
    .where(rotations.c.state == RotationState.SUPERSEDED)
)
_COMPETING = _SELECT.where(rotations.c.old_key_id.in_(select(_family.c.key_id))).order_by(
    rotations.c.opened_at_utc, rotations.c.new_key_id
)
_CONFIRMED = (
    select(rotations.c.old_key_id, rotations.c.new_key_id)
    .where(rotations.c.state == RotationState.CONFIRMED)
    .order_by(rotations.c.new_key_id)
)
_CONFIRMED_OF_OLD_KEY = (
    _SELECT.where(
        rotations.c.old_key_id == bindparam("old_key_id"),
        rotations.c.state == RotationState.CONFIRMED,
    )
    .order_by(rotations.c.confirmed_at_utc.desc())
    .limit(literal_column("1"))
)
_ADD = insert(rotations)
_CONFIRM = (
    update(rotations)
    .where(rotations.c.id == bindparam("this_id"))
    .values(
        state=RotationState.CONFIRMED,
        confirmed_at_utc=bindparam("now"),
        overlap_end_utc=bindparam("overlap_end"),
        destinations=bindparam("reported"),
    )
)
_ENDED = (
    select(rotations.c.id)
    .where(
        rotations.c.state == RotationState.OPEN,
        rotations.c.overlap_end_utc <= bindparam("now"),
        rotations.c.lease_until_utc <= bindparam("now"),
    )
    .order_by(rotations.c.new_key_id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, key_share=True)
)
_HOLD_ENDED = (
    update(rotations)
    .where(rotations.c.id.in_(bindparam("ended", expanding=True)))
    .values(state=RotationState.HELD)
    .returning(rotations.c.id, rotations.c.old_key_id, rotations.c.new_key_id)
)


LISTED = _SELECT
"""All that a ``Rotation`` is made of, for ``store.rotation_list``."""


class RotationExistsError(Exception):
    """A rotation of this id is already stored."""


@dataclass(frozen=True)
class NewRotation:
    """What is stored of a rotation at its opening."""

    id: UUID
    old_key_id: int
    new_key_id: int
    overlap_days: int
    auto_revoke: bool
    again: bool
    holder: str
    opened_at_utc: datetime
    lease_until_utc: datetime
    overlap_end_utc: datetime


def find(connection: Connection, rotation_id: UUID) -> Rotation | None:
    """Return a rotation, or None."""
    row = connection.execute(_FIND, {"rotation_id": rotation_id}).mappings().one_or_none()
    return None if row is None else _rotation(row)


def of_new_key(connection: Connection, new_key_id: int) -> Rotation | None:
    """Return the rotation that made a key; None when a person made it."""
    row = connection.execute(_OF_NEW_KEY, {"new_key_id": new_key_id}).mappings().one_or_none()
    return None if row is None else _rotation(row)


def of_new_keys(connection: Connection, new_key_ids: Sequence[int]) -> list[Rotation]:
    """Return the rotations that made some keys."""
    found = _SELECT.where(rotations.c.new_key_id.in_(new_key_ids))
    return [_rotation(row) for row in connection.execute(found).mappings()]


def competing(connection: Connection, old_key_id: int) -> list[Rotation]:
    """Return every rotation that competes to replace an old key, oldest first.

    These are the old key's own and those of its superseded candidates, which can make another
    successor until they die; if the old key is such a candidate itself, they are those of the
    key that it was to replace.
    """
    rows = connection.execute(_COMPETING, {"old_key_id": old_key_id}).mappings()
    return [_rotation(row) for row in rows]


def confirmed_of_old_key(connection: Connection, old_key_id: int) -> Rotation | None:
    """Return the latest rotation that replaced a key; None when none was confirmed."""
    bound = {"old_key_id": old_key_id}
    row = connection.execute(_CONFIRMED_OF_OLD_KEY, bound).mappings().one_or_none()
    return None if row is None else _rotation(row)


def confirmed_successors(connection: Connection) -> list[tuple[int, int]]:
    """Return (old key id, new key id) of every confirmed rotation."""
    return [(row.old_key_id, row.new_key_id) for row in connection.execute(_CONFIRMED)]


def add(connection: Connection, new: NewRotation) -> None:
    """Insert an open rotation. Raises RotationExistsError."""
    try:
        connection.execute(_ADD, {"state": RotationState.OPEN, **vars(new)})
    except IntegrityError as error:
        raise RotationExistsError from error


def renew(connection: Connection, rotation_id: UUID, holder: str, lease_until: datetime) -> None:
    """Give the lease to a holder."""
    connection.execute(
        update(rotations)
        .where(rotations.c.id == rotation_id)
        .values(holder=holder, lease_until_utc=lease_until)
    )


def set_state(connection: Connection, rotation_id: UUID, state: RotationState) -> None:
    """Write a rotation's new state."""
    connection.execute(update(rotations).where(rotations.c.id == rotation_id).values(state=state))


def confirm(
    connection: Connection,
    rotation_id: UUID,
    now: datetime,
    overlap_end: datetime,
    destinations: Sequence[DestinationOutcome] | None,
) -> None:
    """Write a confirmation, the overlap's end that it fixed, and what it says of destinations."""
    reported = None if destinations is None else [each.to_json() for each in destinations]
    bound = {"this_id": rotation_id, "now": now, "overlap_end": overlap_end, "reported": reported}
    connection.execute(_CONFIRM, bound)


def change_overlap(connection: Connection, rotation_id: UUID, end: datetime, now: datetime) -> None:
    """Write the end that a person gave to an overlap."""
    changed = update(rotations).where(rotations.c.id == rotation_id)
    connection.execute(changed.values(overlap_end_utc=end, overlap_changed_at_utc=now))


def hold_ended(connection: Connection, now: datetime, limit: int) -> list[tuple[UUID, int, int]]:
    """Mark open rotations past overlap and lease as held, ``limit`` at most.

    Return id, old and new key id of each.

    Of several sweeps at once each rotation is returned to exactly one.
    """
    ended = connection.execute(_ENDED, {"now": now, "most": limit}).scalars().all()
    if not ended:
        return []
    held = connection.execute(_HOLD_ENDED, {"ended": ended})
    return [(row.id, row.old_key_id, row.new_key_id) for row in held]


def count_by_state(connection: Connection, now: datetime) -> dict[RotationState, int]:
    """Count rotations by what ``Rotation.state_at`` says of each; empty states are left out."""
    ended = and_(
        rotations.c.state == RotationState.OPEN,
        rotations.c.overlap_end_utc <= now,
        rotations.c.lease_until_utc <= now,
    )
    state = case((ended, RotationState.HELD.value), else_=rotations.c.state).label("present_state")
    counted = select(state, func.count().label("amount")).group_by(state)
    return {RotationState(row.present_state): row.amount for row in connection.execute(counted)}


def rotation_of(row: Mapping[str, Any]) -> Rotation:
    """Return the rotation of a row that has the columns of ``LISTED``."""
    return Rotation(**row)


def _rotation(row: RowMapping) -> Rotation:
    return Rotation(**row)  # the columns carry the fields' names
