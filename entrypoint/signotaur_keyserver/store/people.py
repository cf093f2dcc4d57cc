"""Statements on users as people who sign in: passwords, rights, and a look at all of them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from signotaur_keyserver.database.functions import joined_text
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.domain.schema import user_roles, users

_roles = (
    select(joined_text(user_roles.c.role))
    .where(user_roles.c.user_id == users.c.id)
    .scalar_subquery()
)
PERSON = (
    users.c.id,
    users.c.name,
    users.c.admin,
    users.c.enabled,
    users.c.created_at_utc,
    users.c.password_hash.is_not(None).label("has_password"),
    users.c.password_expires_at_utc,
    _roles.label("roles"),
)
_FIND = select(*PERSON)


def get(connection: Connection, user_id: int) -> Person | None:
    """Return the person of an id, or None."""
    row = connection.execute(_FIND.where(users.c.id == user_id)).mappings().one_or_none()
    return None if row is None else person_of(row)


def every(connection: Connection) -> list[Person]:
    """Return everybody, by name."""
    return [person_of(row) for row in connection.execute(_FIND.order_by(users.c.name)).mappings()]


def password_of(connection: Connection, name: str) -> tuple[Person, str] | None:
    """Return the person of a name with the hash of the password; None without either."""
    rows = connection.execute(_FIND.add_columns(users.c.password_hash).where(users.c.name == name))
    row = rows.mappings().one_or_none()
    if row is None or row["password_hash"] is None:
        return None
    return person_of(row), row["password_hash"]


def set_password(
    connection: Connection, user_id: int, password_hash: str, expires: datetime | None
) -> None:
    """Store the hash of a password; with ``expires`` it is a temporary one."""
    changed = update(users).where(users.c.id == user_id)
    connection.execute(changed.values(password_hash=password_hash, password_expires_at_utc=expires))


def edit(connection: Connection, user_id: int, *, admin: bool, enabled: bool) -> None:
    """Store what an administrator may edit besides the name."""
    changed = update(users).where(users.c.id == user_id)
    connection.execute(changed.values(admin=admin, enabled=enabled))


def rename(connection: Connection, user_id: int, name: str) -> bool:
    """Give a user another name; False when another transaction has the user.

    Names are unique, so PostgreSQL locks the user against all that refers to it, also events.
    """
    this = users.c.id == user_id
    free = select(users.c.id).where(this).with_for_update(skip_locked=True)
    if connection.execute(free).one_or_none() is None:
        return False
    connection.execute(update(users).where(this).values(name=name))
    return True


def set_roles(connection: Connection, user_id: int, roles: Iterable[str]) -> None:
    """Give a user exactly these roles."""
    connection.execute(delete(user_roles).where(user_roles.c.user_id == user_id))
    for role in sorted(set(roles)):
        connection.execute(insert(user_roles).values(user_id=user_id, role=role))


def person_of(row: RowMapping) -> Person:
    """Return the person of a row that has the columns of ``PERSON``."""
    values = {column.name: row[column.name] for column in PERSON}
    values["roles"] = tuple(sorted(values["roles"].split(","))) if values["roles"] else ()
    return Person(**values)
