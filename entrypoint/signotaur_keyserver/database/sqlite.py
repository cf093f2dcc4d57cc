"""SQLite: one file, one writer at a time."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from signotaur_keyserver.database.errors import (
    DatabaseUnavailableError,
    UnsupportedDatabaseError,
)

_NOW = "SELECT strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')"


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path}"


class SqliteBackend:
    """A SQLite file. Raises UnsupportedDatabaseError for anything but a file."""

    locks_rows = False
    reads_are_local = True

    def __init__(self, url: URL, patience: float) -> None:
        if url.database in (None, "", ":memory:") or url.query:
            raise UnsupportedDatabaseError("a SQLite database must be a file: sqlite:///FILE")
        self._file = Path(str(url.database))
        self._patience = patience
        # SQLite has one writer at a time; queueing here spares it its polling back-off.
        self._turn = Lock()
        # Parameters are digests and names: they have no place in an error's text.
        self.engine = create_engine(url, hide_parameters=True, connect_args={"timeout": patience})
        event.listen(self.engine, "connect", _configure)
        self.snapshots = self.statements = self.engine

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other thread writes."""
        if not self._turn.acquire(timeout=self._patience):
            raise DatabaseUnavailableError("another write is taking too long")
        try:
            yield
        finally:
            self._turn.release()

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """Begin a transaction: the driver begins none by itself.

        Not by an event of SQLAlchemy: an engine with one looks for others at every statement.
        """
        # IMMEDIATE takes the write lock before anything is read, so that no decision is stale.
        connection.connection.cursor().execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    def queue(self, connection: Connection) -> None:
        """Do nothing: a transaction that writes is alone already."""

    def prepare(self) -> None:
        """Put the database file into write-ahead mode."""
        with closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL")

    def watch(self, engine: Engine) -> "SqliteWatch":
        """Open a watch."""
        return SqliteWatch(engine)

    def copy_to(self, file: Path) -> bool:
        """Copy the database as it is at one moment."""
        with (
            closing(self.engine.raw_connection()) as source,
            closing(sqlite3.connect(file)) as target,
        ):
            file.chmod(0o600)
            driver: Any = source.driver_connection
            driver.backup(target)
        return True

    def continue_ids(self, connection: Connection, tables: Sequence[str]) -> None:
        """Do nothing: a new id is above all that are there."""

    def exists(self) -> bool:
        """Return whether there is a file; SQLite would make one by itself."""
        return self._file.exists()


class SqliteWatch:
    """A connection that looks, and writes what others need not see; see ``Watch``.

    SQLite changes the data version of a connection at each commit of any other connection, of this
    process and of others, and leaves it at the connection's own.
    """

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        self._cursor: Any = self._connection.connection.cursor()
        self._one = Lock()
        """Held while the connection is used."""

    def look(self) -> tuple[int, datetime] | None:
        """Return the data version and SQLite's time. Raises DatabaseUnavailableError."""
        if not self._one.acquire(blocking=False):
            return None
        try:
            [(version,)] = self._cursor.execute("PRAGMA data_version").fetchall()
            [(now,)] = self._cursor.execute(_NOW).fetchall()
        except sqlite3.Error as error:
            raise DatabaseUnavailableError("the database cannot be read") from error
        finally:
            self._one.release()
        return version, datetime.fromisoformat(now)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give the connection, in a transaction of SQLAlchemy."""
        with self._one, self._connection.begin():
            yield self._connection

    def close(self) -> None:
        """Close the connection, after a write that is under way."""
        with self._one:
            self._connection.close()


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    connection.execute("PRAGMA foreign_keys = ON")
    # NORMAL could lose the last commits at a power cut: a client would then hold a key
    # that the server never heard of.
    connection.execute("PRAGMA synchronous = FULL")
    # A removed private key is overwritten, not only marked as free space.
    connection.execute("PRAGMA secure_delete = ON")
