"""Copy a whole database into an empty one, of any kind, while others use it."""

from collections.abc import Callable

from sqlalchemy import Connection, Integer, delete, insert, select

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.database.migrate import migrate
from signotaur_keyserver.domain.schema import metadata, users
from signotaur_keyserver.service.administration import AdministrationError

_ROWS = 500
"""Rows that one statement writes."""


def copy_database(
    source: Database, target: Database, begun: Callable[[], None] = lambda: None
) -> None:
    """Copy all rows, as they are at one moment; the source has the newest schema.

    ``begun`` is called at that moment. Ids, times and the chain of events stay as they are.
    Raises AdministrationError when the target has users.
    """
    migrate(target)
    with source.read() as reading, target.write() as writing:
        if writing.execute(select(users.c.id).limit(1)).one_or_none() is not None:
            raise AdministrationError("the database is not empty: it contains users")
        source.clock.now(reading)  # the first statement fixes the moment
        begun()
        for table in reversed(metadata.sorted_tables):  # a migration made rows, too
            writing.execute(delete(table))
        for table in metadata.sorted_tables:
            _copy_table(reading, writing, table.name)
        target.continue_ids(writing, [name for name in metadata.tables if _has_numbers(name)])


def _copy_table(reading: Connection, writing: Connection, name: str) -> None:
    table = metadata.tables[name]
    # By primary key: the row that a key comes from is before the row of the key.
    rows = reading.execution_options(yield_per=_ROWS).execute(
        select(table).order_by(*table.primary_key.columns)
    )
    for part in rows.mappings().partitions(_ROWS):
        writing.execute(insert(table), [dict(row) for row in part])


def _has_numbers(name: str) -> bool:
    column = metadata.tables[name].c.get("id")
    return column is not None and isinstance(column.type, Integer)
