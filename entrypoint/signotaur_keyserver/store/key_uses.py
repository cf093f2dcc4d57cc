"""Statements on where and by which client each key was used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    Connection,
    bindparam,
    case,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from signotaur_keyserver.domain.schema import UtcDateTime, key_uses, keys

ORIGINS_PER_KEY = 100
"""Rows that are kept of one key; those of the longest ago make room."""

_PLACE = (
    key_uses.c.key_id == bindparam("this_id"),
    key_uses.c.network == bindparam("this_network"),
    key_uses.c.client == bindparam("this_client"),
)
_LAST: BindParameter[datetime] = bindparam("last", type_=UtcDateTime())
_UPDATE = (
    update(key_uses)
    .where(*_PLACE)
    .values(
        last_at_utc=case((key_uses.c.last_at_utc > _LAST, key_uses.c.last_at_utc), else_=_LAST),
        uses=key_uses.c.uses + bindparam("more"),
    )
)
_UPDATE_KEY = (
    update(keys)
    .where(
        keys.c.id == bindparam("this_id"),
        or_(keys.c.last_used_at_utc.is_(None), keys.c.last_used_at_utc < _LAST),
    )
    .values(
        last_used_at_utc=_LAST,
        last_used_network=bindparam("this_network"),
        last_used_client=bindparam("this_client"),
    )
)
_FREE = (
    select(keys.c.id)
    .where(keys.c.id.in_(bindparam("key_ids", expanding=True)))
    .with_for_update(skip_locked=True, key_share=True)
)
_KNOWN = select(key_uses.c.key_id, key_uses.c.network, key_uses.c.client).where(
    key_uses.c.key_id.in_(bindparam("key_ids", expanding=True))
)
_SURPLUS = (
    select(key_uses.c.last_at_utc)
    .where(key_uses.c.key_id == bindparam("this_id"))
    .order_by(key_uses.c.last_at_utc.desc())
    .offset(ORIGINS_PER_KEY)
    .limit(1)
    .scalar_subquery()
)
_FORGET = delete(key_uses).where(
    key_uses.c.key_id == bindparam("this_id"), key_uses.c.last_at_utc <= _SURPLUS
)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Uses of one key from one network by one client."""

    key_id: int
    network: str
    client: str
    first_at_utc: datetime
    last_at_utc: datetime
    uses: int


def lock_free(connection: Connection, key_ids: Sequence[int]) -> set[int]:
    """Lock those of the keys that no other transaction holds; return their ids."""
    return set(connection.execute(_FREE, {"key_ids": key_ids}).scalars())


def add(connection: Connection, added: Sequence[KeyUse]) -> None:
    """Add uses of keys that this transaction has locked."""
    key_ids = sorted({use.key_id for use in added})
    known = {tuple(row) for row in connection.execute(_KNOWN, {"key_ids": key_ids})}
    repeated = [use for use in added if (use.key_id, use.network, use.client) in known]
    new = [use for use in added if (use.key_id, use.network, use.client) not in known]
    connection.execute(_UPDATE_KEY, [_bound(use) for use in added])
    if repeated:
        connection.execute(_UPDATE, [_bound(use) | {"more": use.uses} for use in repeated])
    if new:
        connection.execute(insert(key_uses), [_row(use) for use in new])
        connection.execute(_FORGET, [{"this_id": use.key_id} for use in new])


def is_known_since(connection: Connection, key_id: int, network: str, moment: datetime) -> bool:
    """Return whether a key was used from a network since a moment."""
    found = exists().where(
        key_uses.c.key_id == key_id,
        key_uses.c.network == network,
        key_uses.c.last_at_utc >= moment,
    )
    return bool(connection.execute(select(found)).scalar_one())


def _bound(use: KeyUse) -> dict[str, object]:
    return {
        "this_id": use.key_id,
        "this_network": use.network,
        "this_client": use.client,
        "last": use.last_at_utc,
    }


def _row(use: KeyUse) -> dict[str, object]:
    return {
        "key_id": use.key_id,
        "network": use.network,
        "client": use.client,
        "first_at_utc": use.first_at_utc,
        "last_at_utc": use.last_at_utc,
        "uses": use.uses,
    }
