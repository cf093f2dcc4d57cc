"""The engine, its transactions and its clock: the one module that knows SQL dialects.

Nothing else may hold dialect-specific SQL or read another clock than ``Clock``.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, String, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from signotaur_keyserver.domain.schema import UtcDateTime

BUSY_TIMEOUT = timedelta(seconds=5)
"""How long a writer waits for another one, of this or another process, before it gives up."""

_BEGIN = "signotaur_begin"
_CHAIN_KEY = "signotaur_chain_key"

KeyOfEvents = Callable[[Connection], bytes]
"""Returns the key that links the events of the database that a connection is open to."""


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, or is busy. Nothing was changed."""


class UnsupportedDatabaseError(Exception):
    """The URL names a database that this version cannot use. The message holds no URL."""


class database_now(FunctionElement[datetime]):  # noqa: N801 - it reads as an SQL function
    """The database's clock at this statement, to the millisecond."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(_element: object, _compiler: object, **_options: object) -> str:
    # The stored form has six decimals; SQLite gives three.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


class joined_text(FunctionElement[str]):  # noqa: N801
    """All values of a text column in one text, with commas between; NULL when there is none.

    SQLAlchemy's own aggregate_strings does the same, but is compiled again at every execution.
    """

    type = String()
    inherit_cache = True


@compiles(joined_text, "sqlite")
def _sqlite_joined_text(element: joined_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, ',')"


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
    """Where the keys live. ``read`` and ``write`` are the only ways to a connection."""

    def __init__(
        self,
        url: str,
        *,
        offset: timedelta = timedelta(0),
        busy_timeout: timedelta = BUSY_TIMEOUT,
        chain_key: KeyOfEvents | None = None,
    ) -> None:
        self.clock = Clock(offset)
        self._patience = busy_timeout.total_seconds()
        engine = _sqlite_engine(url, self._patience)
        self._engine = engine.execution_options(**{_CHAIN_KEY: chain_key})
        self._reader = self._engine.execution_options(**{_BEGIN: "BEGIN"})
        # SQLite has one writer at a time; queueing here spares it its polling back-off.
        self._turn = Lock()

    @property
    def reads_are_local(self) -> bool:
        """Whether a read is a matter of microseconds, so that it may run in an event loop."""
        return self._engine.dialect.name == "sqlite"

    def exists(self) -> bool:
        """Return whether there is a database to connect to; SQLite would make one by itself."""
        return Path(str(self._engine.url.database)).exists()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection with one consistent view. Raises DatabaseUnavailableError."""
        with _translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in a transaction that commits unless an exception leaves the block.

        Raises DatabaseUnavailableError when no turn comes within the busy time-out.
        """
        if not self._turn.acquire(timeout=self._patience):
            raise DatabaseUnavailableError("another write is taking too long")
        try:
            with _translated(), self._engine.begin() as connection:
                yield connection
        finally:
            self._turn.release()

    def prepare(self) -> None:
        """Put the database file into write-ahead mode; harmless when it is."""
        with _translated(), closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL")

    def copy_to(self, file: Path) -> None:
        """Copy the database into a file, as it is at one moment, while others use it.

        Raises UnsupportedDatabaseError where the database is not a SQLite file.
        """
        if self._engine.dialect.name != "sqlite":
            raise UnsupportedDatabaseError(
                "only a SQLite database can be copied: use pg_dump, and backup --files-only"
            )
        with (
            _translated(),
            closing(self._engine.raw_connection()) as source,
            closing(sqlite3.connect(file)) as target,
        ):
            file.chmod(0o600)
            driver: Any = source.driver_connection
            driver.backup(target)

    def close(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()


def chain_key_of(connection: Connection) -> bytes | None:
    """Return the key that links the events; None where events have no macs.

    Raises MasterKeyError.
    """
    chain_key = connection.get_execution_options().get(_CHAIN_KEY)
    return None if chain_key is None else chain_key(connection)


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path}"


def _sqlite_engine(url: str, patience: float) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UnsupportedDatabaseError("the database URL cannot be read") from None
    if parsed.get_backend_name() != "sqlite":
        raise UnsupportedDatabaseError(
            f"{parsed.get_backend_name()} is not supported yet: use a sqlite:///FILE URL"
        )
    if parsed.database in (None, "", ":memory:") or parsed.query:
        raise UnsupportedDatabaseError("a SQLite database must be a file: sqlite:///FILE")
    # Parameters hold digests and names: they have no place in an error's text.
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": patience})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: _begin does
    connection.execute("PRAGMA foreign_keys = ON")
    # NORMAL could lose the last commits at a power cut: a client would then hold a key
    # that the server never heard of.
    connection.execute("PRAGMA synchronous = FULL")
    # A removed private key is overwritten, not only marked as free space.
    connection.execute("PRAGMA secure_delete = ON")


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock before anything is read, so that no decision is stale.
    begin = connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE")
    # The driver itself: half the time of an authentication would go into SQLAlchemy's detour.
    connection.connection.cursor().execute(begin)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, sqlite3.OperationalError) as error:
        raise DatabaseUnavailableError("the database is busy or cannot be reached") from error
