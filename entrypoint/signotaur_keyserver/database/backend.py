"""What a kind of database must give to ``Database``."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine


class Watch(Protocol):
    """Sees every commit to a database but its own, by any process. For looks of one thread."""

    def look(self) -> tuple[int, datetime] | None:
        """Return the number of the last commit, and the database's time; None: it is writing.

        Two looks that return the same number had no commit between them but the watch's own.
        Raises DatabaseUnavailableError.
        """
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection whose commit it does not see. Any thread may ask for it."""
        ...

    def close(self) -> None:
        """Close what it keeps open."""
        ...


class Backend(Protocol):
    """One kind of database. Its engines share a pool of connections."""

    engine: Engine
    """Transactions that write. Each statement sees all that was committed before it."""
    snapshots: Engine
    """Transactions that only read, all of them one moment."""
    statements: Engine
    """Single statements that only read, with the fewest round trips."""
    locks_rows: bool
    """Whether several transactions write at once, so that they must lock what they decide on."""
    reads_are_local: bool
    """Whether a read is a matter of microseconds, so that it may run in an event loop."""

    def turn(self) -> AbstractContextManager[None]:
        """Wait until this process may begin a write. Raises DatabaseUnavailableError."""
        ...

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """Begin a transaction where the driver does not do it at the first statement.

        ``writes``: what it reads must not change until it ends.
        """
        ...

    def queue(self, connection: Connection) -> None:
        """Wait, in a transaction, until no other instance changes the schema."""
        ...

    def prepare(self) -> None:
        """Check or set what the whole database needs; harmless to repeat.

        Raises DatabaseUnavailableError and UnsupportedDatabaseError.
        """
        ...

    def watch(self, engine: Engine) -> Watch | None:
        """Return a watch that uses an engine; None where a look would cost as much as a read."""
        ...

    def copy_to(self, file: Path) -> bool:
        """Copy the database into a file; False where it is not one that can be copied."""
        ...

    def continue_ids(self, connection: Connection, tables: Sequence[str]) -> None:
        """Let new rows of tables get ids above those that are there."""
        ...

    def exists(self) -> bool:
        """Return whether there is a database to connect to."""
        ...
