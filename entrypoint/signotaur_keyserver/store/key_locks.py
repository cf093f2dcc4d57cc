"""Locks on keys: who locks what, where several transactions can write at once.

Every transaction takes its locks in
this order, so that none waits for one that waits for it:

1. ``lock``: the first key of a lineage, then the caller's key, before the clock is read. Opening,
   confirmation, abort, first use of a candidate or a successor, and revocation by a person do
   this. The first key never changes, so all that compete for one lineage queue at one row.
2. Other keys and rotations of that lineage, as they are written.
3. Events. They lock the end of the log until the transaction ends, so nothing is locked after
   the first one: a change keeps its events until its end.

Two kinds of transaction do not take the first lock. A signature locks the caller's key and its
owner (``lock_use``) and waits for nothing after that. The sweep and the record of the last use
take rows of many lineages, but only those that nobody holds; they leave the others for next time.

A transaction that names a user locks the end of the log first: so it waits for no name that
another one gives. It takes a user who is there only if nobody has it, and begins again otherwise:
the one that has it may wait for the end of the log.

Changes of certificates lock all of these and no key, see ``store.certificates``.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, or_, select

from signotaur_keyserver.database.database import locks_rows
from signotaur_keyserver.domain.schema import keys, users

_lineage = (
    select(keys.c.id, keys.c.rotated_from_key_id)
    .where(keys.c.id.in_(bindparam("key_ids", expanding=True)))
    .cte("lineage", recursive=True)
)
_lineage = _lineage.union(
    select(keys.c.id, keys.c.rotated_from_key_id).join(
        _lineage, keys.c.id == _lineage.c.rotated_from_key_id
    )
)
# Not FOR UPDATE: an event that names a key must not wait.
_LOCK = (
    select(keys.c.id)
    .join(_lineage, _lineage.c.id == keys.c.id)
    .where(
        or_(
            _lineage.c.rotated_from_key_id.is_(None),
            _lineage.c.id.in_(bindparam("key_ids", expanding=True)),
        )
    )
    .order_by(keys.c.id)
    .with_for_update(key_share=True, of=keys)
)
_LOCK_USE = (
    select(keys.c.id)
    .join(users, users.c.id == keys.c.owner_id)
    .where(keys.c.id == bindparam("this_id"))
    .with_for_update(read=True)
)


def lock(connection: Connection, key_ids: Sequence[int]) -> None:
    """Lock keys and the first key of each one's lineage until the transaction ends.

    What is read after this was committed before it, and nobody changes it meanwhile.
    """
    if locks_rows(connection):
        connection.execute(_LOCK, {"key_ids": key_ids}).all()


def lock_use(connection: Connection, key_id: int) -> None:
    """Keep a key and its owner as they are until the transaction ends. Others may do the same."""
    if locks_rows(connection):
        connection.execute(_LOCK_USE, {"this_id": key_id}).all()
