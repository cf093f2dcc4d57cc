"""Statements on the lineage of a key: all keys that come from the same first one."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select

from signotaur_keyserver.domain.schema import keys

_ancestors = (
    select(keys.c.id, keys.c.rotated_from_key_id)
    .where(keys.c.id == bindparam("key_id"))
    .cte("ancestors", recursive=True)
)
_ancestors = _ancestors.union(
    select(keys.c.id, keys.c.rotated_from_key_id).join(
        _ancestors, keys.c.id == _ancestors.c.rotated_from_key_id
    )
)
_family = (
    select(_ancestors.c.id)
    .where(_ancestors.c.rotated_from_key_id.is_(None))
    .cte("family", recursive=True)
)
_family = _family.union(select(keys.c.id).join(_family, keys.c.rotated_from_key_id == _family.c.id))
_ALIVE_SINCE = (
    select(keys.c.id)
    .join(_family, _family.c.id == keys.c.id)
    .where(or_(keys.c.revoked_at_utc.is_(None), keys.c.revoked_at_utc > bindparam("since")))
)


def alive_since(connection: Connection, key_id: int, since: datetime) -> list[int]:
    """Return the ids of a key's whole lineage, without keys that were revoked before a moment."""
    bound = {"key_id": key_id, "since": since}
    return list(connection.execute(_ALIVE_SINCE, bound).scalars())
