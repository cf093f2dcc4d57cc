"""Statements on the server's settings: one JSON value per name."""

from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from signotaur_keyserver.domain.schema import settings

_THIS = settings.c.name == bindparam("this")
_FIND = select(settings.c.value).where(_THIS)
_LOCK = _FIND.with_for_update()
_UPDATE = update(settings).where(_THIS).values(value=bindparam("new"))
_INSERT = insert(settings).values(name=bindparam("this"), value=bindparam("new"))
_DELETE = delete(settings).where(_THIS)


def find(connection: Connection, name: str) -> Any:
    """Return a setting; None when it was never made."""
    return connection.execute(_FIND, {"this": name}).scalar_one_or_none()


def lock(connection: Connection, name: str) -> Any:
    """Return a setting and keep other transactions from locking it until this one ends."""
    return connection.execute(_LOCK, {"this": name}).scalar_one_or_none()


def put(connection: Connection, name: str, value: object) -> None:
    """Write a setting."""
    bound = {"this": name, "new": value}
    if not connection.execute(_UPDATE, bound).rowcount:
        connection.execute(_INSERT, bound)


def remove(connection: Connection, name: str) -> None:
    """Delete a setting; harmless when there is none."""
    connection.execute(_DELETE, {"this": name})
