"""Statements on users and their roles."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from signotaur_keyserver.domain.records import User
from signotaur_keyserver.domain.schema import user_roles, users

_FIND = select(users.c.id, users.c.name, users.c.admin, users.c.enabled)


class UserExistsError(Exception):
    """A user of this name is already stored."""


def find(connection: Connection, name: str) -> User | None:
    """Return the user of a name, or None."""
    row = connection.execute(_FIND.where(users.c.name == name)).mappings().one_or_none()
    return None if row is None else User(**row)


def add(
    connection: Connection, name: str, *, admin: bool, roles: Iterable[str], now: datetime
) -> int:
    """Insert an enabled user and return its id. Raises UserExistsError."""
    new = insert(users).values(name=name, admin=admin, enabled=True, created_at_utc=now)
    try:
        user_id: int = connection.execute(new.returning(users.c.id)).scalar_one()
    except IntegrityError as error:
        raise UserExistsError from error
    for role in sorted(set(roles)):
        connection.execute(insert(user_roles).values(user_id=user_id, role=role))
    return user_id


def set_enabled(connection: Connection, user_id: int, *, enabled: bool) -> None:
    """Enable or disable a user."""
    connection.execute(update(users).where(users.c.id == user_id).values(enabled=enabled))
