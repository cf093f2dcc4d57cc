"""Statements on trusts, and on the tokens that were exchanged."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from signotaur_keyserver.domain.schema import exchanged_tokens, keys, trusts, users
from signotaur_keyserver.domain.trusts import ClaimRule, Trust
from signotaur_wire.members import Json

_COLUMNS = [column for column in trusts.c if column.name != "removed_at_utc"]
_ADDERS = users.alias()
_FIND = (
    select(
        *_COLUMNS,
        users.c.name.label("user"),
        users.c.enabled.label("user_enabled"),
        _ADDERS.c.name.label("added_by"),
    )
    .join(users, users.c.id == trusts.c.user_id)
    .outerjoin(_ADDERS, _ADDERS.c.id == trusts.c.added_by_user_id)
    .where(trusts.c.removed_at_utc.is_(None))
    .order_by(trusts.c.id)
)
_LAST_EXCHANGE = (
    select(keys.c.created_at_utc)
    # A successor was made by a rotation, not by an exchange.
    .where(keys.c.trust_id == trusts.c.id, keys.c.rotated_from_key_id.is_(None))
    .order_by(keys.c.id.desc())
    .limit(1)
    .scalar_subquery()
)


class TokenUsedError(Exception):
    """This token was exchanged before."""


def add(connection: Connection, trust: Trust) -> int:
    """Insert a trust, whose id is not used, and return its id."""
    values: Json = {
        **vars(trust),
        "rules": [[rule.claim, rule.value, rule.pattern] for rule in trust.rules],
    }
    for name in ("id", "user", "user_enabled", "added_by"):
        del values[name]
    added = connection.execute(insert(trusts).values(**values).returning(trusts.c.id))
    return int(added.scalar_one())


def every(connection: Connection) -> list[Trust]:
    """Return all trusts that were not removed, by id."""
    return [_trust(row) for row in connection.execute(_FIND).mappings()]


def of_issuer(connection: Connection, issuer: str) -> list[Trust]:
    """Return the trusts in an issuer, by id."""
    rows = connection.execute(_FIND.where(trusts.c.issuer == issuer))
    return [_trust(row) for row in rows.mappings()]


def get(connection: Connection, trust_id: int) -> Trust | None:
    """Return a trust, or None."""
    row = connection.execute(_FIND.where(trusts.c.id == trust_id)).mappings().one_or_none()
    return None if row is None else _trust(row)


def last_exchanges(connection: Connection) -> dict[int, datetime]:
    """Return when a token was last exchanged, by the ids of trusts that ever had one."""
    rows = connection.execute(select(trusts.c.id, _LAST_EXCHANGE.label("at")))
    return {row.id: row.at for row in rows if row.at is not None}


def lock(connection: Connection, trust_id: int, *, shared: bool = False) -> None:
    """Keep a trust as it is until this transaction ends; ``shared``: others may do the same."""
    row = select(trusts.c.id).where(trusts.c.id == trust_id)
    connection.execute(row.with_for_update(read=shared)).all()


def remove(connection: Connection, trust_id: int, now: datetime) -> None:
    """No longer trust. The row stays, because keys and events refer to it."""
    connection.execute(update(trusts).where(trusts.c.id == trust_id).values(removed_at_utc=now))


def remember(connection: Connection, sha256: str, until: datetime) -> None:
    """Remember a token's fingerprint. Raises TokenUsedError when it is known."""
    try:
        connection.execute(insert(exchanged_tokens).values(sha256=sha256, expires_at_utc=until))
    except IntegrityError as error:
        raise TokenUsedError from error


def forget_tokens(connection: Connection, before: datetime) -> None:
    """Forget the tokens that nobody would accept any more."""
    connection.execute(delete(exchanged_tokens).where(exchanged_tokens.c.expires_at_utc < before))


def _trust(row: RowMapping) -> Trust:
    return Trust(**{**row, "rules": tuple(ClaimRule(*rule) for rule in row["rules"])})
