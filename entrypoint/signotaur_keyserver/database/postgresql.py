"""PostgreSQL: any number of instances on one database.

Transactions that write run at READ COMMITTED and lock the rows that they decide on; the lists of
locks are in ``store.key_locks``. A wait for a lock, a statement and a transaction that does nothing
all end by themselves, so that no instance can stop the others.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    column,
    create_engine,
    event,
    func,
    select,
    table,
)
from sqlalchemy.exc import DBAPIError

from signotaur_keyserver.database.errors import (
    DatabaseUnavailableError,
    UnsupportedDatabaseError,
)

_POOL_SIZE = 10
"""Connections that an instance keeps; it opens as many more while it is busy."""
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 15
_IDLE_SECONDS = 30
"""An instance that was suspended within a transaction holds its locks no longer than this."""
_SCHEMA_LOCK = 0x5349_474E_4F54
"""Number of the advisory lock that a change of the schema takes."""
_ENCODING = "UTF8"


class PostgresqlBackend:
    """A PostgreSQL database, through psycopg. Raises UnsupportedDatabaseError for a bad URL."""

    locks_rows = True
    reads_are_local = False

    def __init__(self, url: URL, patience: float) -> None:
        if url.drivername not in {"postgresql", "postgresql+psycopg"}:
            raise UnsupportedDatabaseError("the driver for PostgreSQL is psycopg: postgresql://")
        if "@" in (url.host or ""):
            # The rest of a password would be looked up as a host, and logged.
            raise UnsupportedDatabaseError("write an @ in the database's password as %40")
        self._patience = patience
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            isolation_level="READ COMMITTED",
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_SIZE,
            pool_timeout=patience,
            pool_pre_ping=True,
            # What the URL says comes first.
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "application_name": "signotaur-keyserver",
                "tcp_user_timeout": _STATEMENT_SECONDS * 1000,
            }
            | dict(url.query),
        )
        event.listen(self.engine, "connect", self._configure)
        self.snapshots: Engine = self.engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self.statements: Engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def turn(self) -> AbstractContextManager[None]:
        """Begin at once: writes of different keys do not wait for each other."""
        return nullcontext()

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """Do nothing: the driver begins with the first statement."""

    def queue(self, connection: Connection) -> None:
        """Wait for the advisory lock of the schema, and for as long as a change of it takes."""
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")

    def prepare(self) -> None:
        """Connect, and check that the database can hold every text."""
        try:
            with self.statements.connect() as connection:
                encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        except DBAPIError as error:
            # libpq names host, user and database, and never the password.
            reason = str(error.orig).strip().partition("\n")[0]
            raise DatabaseUnavailableError(
                f"cannot connect to the PostgreSQL database: {reason}"
            ) from None
        if encoding != _ENCODING:
            raise UnsupportedDatabaseError(f"the database's encoding must be {_ENCODING}")

    def watch(self, engine: Engine) -> None:
        """Give none: a question to the server takes as long as a key does."""
        del engine

    def copy_to(self, file: Path) -> bool:
        """Return False: the database is not a file."""
        del file
        return False

    def continue_ids(self, connection: Connection, tables: Sequence[str]) -> None:
        """Set the sequences of tables, which rows that bring their ids leave as they are."""
        for name in tables:
            sequence = func.pg_get_serial_sequence(name, "id")
            highest = select(func.max(table(name, column("id")).c.id)).scalar_subquery()
            connection.execute(select(func.setval(sequence, highest)))

    def exists(self) -> bool:
        """Return True: a connection that fails tells more."""
        return True

    def _configure(self, connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{self._patience:.3f}s'")
            cursor.execute(f"SET statement_timeout = '{_STATEMENT_SECONDS}s'")
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s'")
            # What is answered must be on disk; stricter settings than this stay.
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()
