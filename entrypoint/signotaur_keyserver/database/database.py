"""The database, its transactions and its clock. This package alone knows SQL dialects.

Nothing else may hold dialect-specific SQL or read another clock than ``Clock``.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from signotaur_keyserver.database.backend import Backend, Watch
from signotaur_keyserver.database.errors import (
    DatabaseUnavailableError,
    UnsupportedDatabaseError,
)
from signotaur_keyserver.database.functions import database_now
from signotaur_keyserver.database.postgresql import PostgresqlBackend
from signotaur_keyserver.database.sqlite import SqliteBackend, sqlite_url

__all__ = [
    "Clock",
    "Database",
    "DatabaseUnavailableError",
    "UnsupportedDatabaseError",
    "sqlite_url",
]

BUSY_TIMEOUT = timedelta(seconds=5)
"""How long a writer waits for another one, of this or another process, before it gives up."""

_CHAIN_KEY = "signotaur_chain_key"
_LOCKS_ROWS = "signotaur_locks_rows"

KeyOfEvents = Callable[[Connection], bytes]
"""Returns the key that links the events of the database that a connection is open to."""

_READ_ONLY = "25006"
"""SQLSTATE of a write on a standby: the connection's server is not the primary any more."""


class Clock:
    """The database's clock plus an offset for rehearsals. Only this clock decides anything."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self._offset = offset

    def now(self, connection: Connection) -> datetime:
        """Ask the database, inside the caller's transaction."""
        return self.shift(connection.execute(_NOW).scalar_one())

    def shift(self, database_time: datetime) -> datetime:
        """Add the offset to a time that came with another statement's row."""
        return database_time + self._offset


_NOW = select(database_now())


class Database:
    """Where the keys live. These methods are the only ways to a connection.

    Raises UnsupportedDatabaseError for a URL that names no database that this version can use;
    nothing is connected to yet.
    """

    def __init__(
        self,
        url: str,
        *,
        offset: timedelta = timedelta(0),
        busy_timeout: timedelta = BUSY_TIMEOUT,
        chain_key: KeyOfEvents | None = None,
    ) -> None:
        self.clock = Clock(offset)
        self._backend = _backend(url, busy_timeout.total_seconds())
        options = {_CHAIN_KEY: chain_key, _LOCKS_ROWS: self._backend.locks_rows}
        self._engine = self._backend.engine.execution_options(**options)
        self._snapshots = self._backend.snapshots.execution_options(**options)
        self._statements = self._backend.statements.execution_options(**options)

    @property
    def reads_are_local(self) -> bool:
        """Whether a read is a matter of microseconds, so that it may run in an event loop."""
        return self._backend.reads_are_local

    def exists(self) -> bool:
        """Return whether there is a database to connect to; SQLite would make one by itself."""
        return self._backend.exists()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection with one consistent view. Raises DatabaseUnavailableError."""
        with _translated(), self._snapshots.connect() as connection:
            self._backend.begin(connection, writes=False)
            yield connection

    @contextmanager
    def ask(self) -> Iterator[Connection]:
        """Give a connection for single statements, each with a view of its own.

        The fastest way to read. Raises DatabaseUnavailableError.
        """
        with _translated(), self._statements.connect() as connection:
            yield connection

    @contextmanager
    def write(self, watch: Watch | None = None) -> Iterator[Connection]:
        """Give a connection in a transaction that commits unless an exception leaves the block.

        What it decides on must be locked first. ``watch``: one that does not see this commit.
        Raises DatabaseUnavailableError when no turn, or no lock, comes within the busy time-out.
        """
        begun = self._engine.begin() if watch is None else watch.writing()
        with self._backend.turn(), _translated(), begun as connection:
            self._backend.begin(connection, writes=True)
            yield connection

    @contextmanager
    def change_schema(self) -> Iterator[Connection]:
        """Give a connection like ``write``, to one instance at a time."""
        with self.write() as connection:
            self._backend.queue(connection)
            yield connection

    def prepare(self) -> None:
        """Check or set what the whole database needs; harmless to repeat.

        Raises DatabaseUnavailableError and UnsupportedDatabaseError.
        """
        with _translated():
            self._backend.prepare()

    def watch(self) -> Watch | None:
        """Open a watch; None where the database has none. The caller closes it."""
        with _translated():
            return self._backend.watch(self._engine)

    def copy_to(self, file: Path) -> bool:
        """Copy the database into a file, as it is at one moment, while others use it.

        Return False where the database is not a SQLite file.
        """
        with _translated():
            return self._backend.copy_to(file)

    def continue_ids(self, connection: Connection, tables: Sequence[str]) -> None:
        """Let new rows of tables get ids above those of rows that brought theirs."""
        self._backend.continue_ids(connection, tables)

    def close(self) -> None:
        """Close every pooled connection."""
        self._backend.engine.dispose()


def chain_key_of(connection: Connection) -> bytes | None:
    """Return the key that links the events; None where events have no macs.

    Raises MasterKeyError.
    """
    chain_key = connection.get_execution_options().get(_CHAIN_KEY)
    return None if chain_key is None else chain_key(connection)


def locks_rows(connection: Connection) -> bool:
    """Return whether others write at once; where not, a transaction that writes is alone."""
    return bool(connection.get_execution_options().get(_LOCKS_ROWS))


def _backend(url: str, patience: float) -> Backend:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise UnsupportedDatabaseError("the database URL cannot be read") from None
    if backend == "sqlite":
        return SqliteBackend(parsed, patience)
    if backend == "postgresql":
        return PostgresqlBackend(parsed, patience)
    raise UnsupportedDatabaseError(
        f"{backend} is not supported: use sqlite:///FILE or postgresql://USER@HOST/NAME"
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, sqlite3.OperationalError) as error:
        raise DatabaseUnavailableError("the database is busy or cannot be reached") from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _READ_ONLY:
            raise
        raise DatabaseUnavailableError("the database is a standby and takes no changes") from error
