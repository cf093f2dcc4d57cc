"""What a server asks its database: the text of each statement, and the commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url

from keyserver.harness import ServerHarness


@contextmanager
def executed(world: ServerHarness, table: str) -> Iterator[list[str]]:
    """Give the statements on one world's database that name a table, while the block lasts.

    The servers of other worlds end in the background, and write to their databases then.
    """
    statements: list[str] = []
    database = make_url(world.url).database

    def note(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if connection.engine.url.database == database and table in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextmanager
def committed(world: ServerHarness) -> Iterator[list[None]]:
    """Give a list with an item for each commit on one world's database in the block."""
    commits: list[None] = []
    database = make_url(world.url).database

    def note(connection: Connection) -> None:
        if connection.engine.url.database == database:
            commits.append(None)

    event.listen(Engine, "commit", note)
    try:
        yield commits
    finally:
        event.remove(Engine, "commit", note)
