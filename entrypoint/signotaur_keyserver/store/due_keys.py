"""Statements on keys whose time comes: revocations that are due, and keys that expire."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from signotaur_keyserver.domain.schema import keys

_DUE = (
    select(keys.c.id)
    .where(keys.c.revoked_at_utc.is_(None), keys.c.revoke_due_utc <= bindparam("now"))
    .order_by(keys.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True, key_share=True)
)
_REVOKE_DUE = (
    update(keys)
    .where(keys.c.id.in_(bindparam("due", expanding=True)))
    .values(revoked_at_utc=keys.c.revoke_due_utc)
    .returning(keys.c.id, keys.c.revoke_reason)
)


def revoke_due(connection: Connection, now: datetime, limit: int) -> list[tuple[int, str]]:
    """Make due revocations permanent, ``limit`` at most; ids and reasons of those revoked.

    Of several sweeps at once each key is returned to exactly one. A key that is locked is left to
    the next sweep.
    """
    due = connection.execute(_DUE, {"now": now, "most": limit}).scalars().all()
    if not due:
        return []
    revoked = connection.execute(_REVOKE_DUE, {"due": due})
    return sorted((row.id, row.revoke_reason) for row in revoked)


def expiring(
    connection: Connection, after: datetime, until: datetime
) -> list[tuple[int, int, datetime]]:
    """Return id, owner and expiry of keys that expire after a moment, up to another one.

    Only those that are in use: neither revoked nor about to be, because they were rotated. Without
    keys that were made for ID tokens.
    """
    columns = (keys.c.id, keys.c.owner_id, keys.c.expires_at_utc)
    query = select(*columns).where(*_expire_between(after, until)).order_by(keys.c.id)
    return [(row.id, row.owner_id, row.expires_at_utc) for row in connection.execute(query)]


def expiry_at_place(
    connection: Connection, after: datetime, until: datetime, place: int
) -> datetime | None:
    """Return when the ``place``-th of the keys that ``expiring`` finds expires; None: fewer."""
    query = select(keys.c.expires_at_utc).where(*_expire_between(after, until))
    nth = query.order_by(keys.c.expires_at_utc).offset(place - 1).limit(1)
    return connection.execute(nth).scalar_one_or_none()


def _expire_between(after: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        keys.c.expires_at_utc > after,
        keys.c.expires_at_utc <= until,
        keys.c.revoked_at_utc.is_(None),
        keys.c.revoke_due_utc.is_(None),
        # Nobody need be told that a key for one job has ended.
        keys.c.trust_id.is_(None),
    )
