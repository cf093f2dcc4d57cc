"""Statements that list rotations for people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from signotaur_keyserver.domain.key_status import Phase
from signotaur_keyserver.domain.records import Rotation
from signotaur_keyserver.domain.schema import keys, rotations, users
from signotaur_keyserver.store.rotations import LISTED, rotation_of
from signotaur_wire.messages import RotationState

_old = keys.alias("old")


@dataclass(frozen=True)
class ListedRotation:
    """A rotation with where it is, and whose keys they are."""

    rotation: Rotation
    phase: Phase
    owner_id: int
    owner: str
    old_revokes_at_utc: datetime | None
    old_last_used_at_utc: datetime | None


def page(
    connection: Connection, owner_id: int | None, phase: Phase, now: datetime, limit: int
) -> list[ListedRotation]:
    """Return the latest rotations of a phase; ``owner_id`` None: everybody's."""
    statement = LISTED.add_columns(
        _old.c.owner_id,
        users.c.name.label("owner"),
        _old.c.revoke_due_utc.label("old_revokes_at_utc"),
        _old.c.last_used_at_utc.label("old_last_used_at_utc"),
    )
    chosen = _joined(statement).where(_phase(now) == phase.value, *_owned(owner_id))
    latest = chosen.order_by(rotations.c.opened_at_utc.desc(), rotations.c.new_key_id.desc())
    listed = []
    for row in connection.execute(latest.limit(limit)).mappings():
        values = dict(row)
        more = {name: values.pop(name) for name in _MORE}
        listed.append(ListedRotation(rotation_of(values), phase, **more))
    return listed


def counts(connection: Connection, owner_id: int | None, now: datetime) -> dict[Phase, int]:
    """Count the rotations of each phase."""
    phase = _phase(now).label("phase")
    counted = _joined(select(phase, func.count().label("amount")).select_from(rotations))
    rows = connection.execute(counted.where(*_owned(owner_id)).group_by(phase))
    amounts = {Phase(row.phase): int(row.amount) for row in rows}
    return {each: amounts.get(each, 0) for each in Phase}


_MORE = ("owner_id", "owner", "old_revokes_at_utc", "old_last_used_at_utc")


def _joined(statement: Any) -> Select[Any]:
    joined: Select[Any] = statement.join(_old, _old.c.id == rotations.c.old_key_id).join(
        users, users.c.id == _old.c.owner_id
    )
    return joined


def _owned(owner_id: int | None) -> list[ColumnElement[bool]]:
    return [] if owner_id is None else [_old.c.owner_id == owner_id]


def _phase(now: datetime) -> ColumnElement[str]:
    ended = and_(rotations.c.overlap_end_utc <= now, rotations.c.lease_until_utc <= now)
    old_works = and_(
        _old.c.revoked_at_utc.is_(None),
        or_(_old.c.revoke_due_utc.is_(None), _old.c.revoke_due_utc > now),
        or_(_old.c.expires_at_utc.is_(None), _old.c.expires_at_utc > now),
    )
    confirmed = rotations.c.state == RotationState.CONFIRMED
    is_open = rotations.c.state == RotationState.OPEN
    return case(
        (or_(rotations.c.state == RotationState.HELD, and_(is_open, ended)), Phase.STALLED.value),
        (is_open, Phase.OPEN.value),
        (and_(confirmed, old_works), Phase.OVERLAP.value),
        else_=Phase.OVER.value,
    )
