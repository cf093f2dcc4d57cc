"""Statements on the sessions of people. Only digests of their tokens are stored."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, or_, select, update

from signotaur_keyserver.domain.records import Session
from signotaur_keyserver.domain.schema import sessions, users
from signotaur_keyserver.store.people import PERSON, person_of

_OWN = [column for column in sessions.c if column.name != "user_id"]
_FIND = select(*(column.label(f"session_{column.name}") for column in _OWN), *PERSON).join(
    users, users.c.id == sessions.c.user_id
)


def find(connection: Connection, token_sha256: str) -> Session | None:
    """Return the session of a token's digest with its person, ended or not."""
    rows = connection.execute(_FIND.where(sessions.c.token_sha256 == token_sha256))
    row = rows.mappings().one_or_none()
    return None if row is None else _session(row)


def of_user(connection: Connection, user_id: int) -> list[Session]:
    """Return the sessions of a user, the last used one first."""
    found = _FIND.where(sessions.c.user_id == user_id).order_by(sessions.c.seen_at_utc.desc())
    return [_session(row) for row in connection.execute(found).mappings()]


def add(
    connection: Connection,
    token_sha256: str,
    user_id: int,
    *,
    now: datetime,
    expires: datetime,
    address: str | None,
    user_agent: str | None,
) -> None:
    """Insert a session."""
    connection.execute(
        insert(sessions).values(
            token_sha256=token_sha256,
            user_id=user_id,
            created_at_utc=now,
            seen_at_utc=now,
            expires_at_utc=expires,
            address=address,
            user_agent=user_agent,
        )
    )


def mark_seen(connection: Connection, token_sha256: str, now: datetime) -> None:
    """Record that a session is in use."""
    seen = update(sessions).where(sessions.c.token_sha256 == token_sha256)
    connection.execute(seen.values(seen_at_utc=now))


def delete_one(connection: Connection, token_sha256: str) -> bool:
    """End a session; False when there was none."""
    ended = delete(sessions).where(sessions.c.token_sha256 == token_sha256)
    return connection.execute(ended).rowcount > 0


def delete_of_user(connection: Connection, user_id: int, kept: str | None = None) -> int:
    """End every session of a user, but for the one of a digest; return how many there were."""
    ended = delete(sessions).where(sessions.c.user_id == user_id)
    if kept is not None:
        ended = ended.where(sessions.c.token_sha256 != kept)
    return connection.execute(ended).rowcount


def delete_expired(connection: Connection, now: datetime, idle_since: datetime) -> int:
    """Delete the rows of sessions that are over; return how many there were."""
    over = or_(sessions.c.expires_at_utc <= now, sessions.c.seen_at_utc <= idle_since)
    return connection.execute(delete(sessions).where(over)).rowcount


def _session(row: RowMapping) -> Session:
    own = {column.name: row[f"session_{column.name}"] for column in _OWN}
    return Session(**own, person=person_of(row))
