"""What the end-to-end tests share: a place to run the client from, and a look into the server."""

import sqlite3
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.service import administration
from support.call_faults import ANOTHER_RUN
from support.client import Finished, run_client
from support.clock import VirtualClock
from support.front import Exchange
from support.in_process import run_here
from support.keyserver import KeyServer

NOTHING_SENT = "Nothing was sent to the server; the key in use is unchanged."


class Ledger:
    """A server's keys, as its administrator arranges them and as the database holds them.

    Arranged in this process by the use cases behind the server's commands (a command takes half
    a second to start); read by SQLite itself, past all code of the server.
    """

    def __init__(self, server: KeyServer) -> None:
        self.server = server

    def add(self, name: str = "ci", user: str = "build", days: float | None = 90) -> str:
        """Add a key; a negative lifetime makes one that has expired."""
        lifetime = None if days is None else timedelta(days=days)
        with data_folder.existing(self.server.data_dir, None) as database:
            return administration.add_key(database, user, name, lifetime)

    def add_user(self, name: str, *roles: str) -> str:
        with data_folder.existing(self.server.data_dir, None) as database:
            administration.add_user(database, name, admin=False, roles=roles)
        return name

    def revoke(self, key: str) -> None:
        with data_folder.existing(self.server.data_dir, None) as database:
            administration.revoke_key(database, self.id_of(key))

    def disable(self, key: str) -> None:
        with data_folder.existing(self.server.data_dir, None) as database:
            administration.set_key_enabled(database, self.id_of(key), enabled=False)

    def disable_user(self, name: str) -> None:
        with data_folder.existing(self.server.data_dir, None) as database:
            administration.set_user_enabled(database, name, enabled=False)

    def id_of(self, key: str) -> int:
        number: int = self.of(key)["id"]
        return number

    def of(self, key: str) -> dict[str, Any]:
        """Return the row of a key."""
        [row] = self._select("select * from keys where public_id = ?", key[4:19])
        return row

    def successors(self, key: str) -> list[dict[str, Any]]:
        """Return the rows of the keys that were made of a key, oldest first."""
        query = "select * from keys where rotated_from_key_id = ? order by id"
        return self._select(query, self.id_of(key))

    def events(self, key: str) -> list[dict[str, Any]]:
        """Return the events of a key, oldest first."""
        query = "select * from events where key_id = ? order by id"
        return self._select(query, self.id_of(key))

    def state(self) -> list[list[object]]:
        """Return all that a rotation could change; that a key was used is no change."""
        unchanging = (
            "first_used_at_utc",
            "in_use_since_utc",
            "last_used_at_utc",
            "last_used_network",
            "last_used_client",
        )
        return [
            [value for name, value in row.items() if name not in unchanging]
            for table in ("keys", "rotations", "users")
            for row in self._select(f"select * from {table} order by id")  # noqa: S608
        ]

    def write(self, statement: str, *values: object) -> None:
        """Change the database behind the running server's back."""
        connection = sqlite3.connect(self.server.data_dir / "keyserver.db", timeout=60)
        try:
            with connection:
                connection.execute(statement, values)
        finally:
            connection.close()

    def _select(self, query: str, *values: object) -> list[dict[str, Any]]:
        file = f"file:{self.server.data_dir / 'keyserver.db'}?mode=ro"
        connection = sqlite3.connect(file, uri=True, timeout=60)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query, values)]
        finally:
            connection.close()


@dataclass
class ClientHarness:
    """A home, a working directory and a server for one test's client."""

    server: KeyServer
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.server)
        self.home = self.folder / "home"
        self.cwd = self.folder / "cwd"
        self.home.mkdir()
        self.cwd.mkdir()
        self.key_file = self.folder / "key.txt"

    def store(self, key: str) -> Path:
        """Put a key into the key file."""
        self.key_file.write_text(f"{key}\n")
        self.key_file.chmod(0o600)
        return self.key_file

    def run(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Finished:
        """Run the client with these arguments, and no others.

        After the chaos has refused it for another run, it is run again, as its message says.
        """
        whole = {"HOME": str(self.home)} | self.env | dict(env or {})
        while True:
            done = run_client(*arguments, env=whole, cwd=self.cwd)
            if not done.code or ANOTHER_RUN not in done.said:
                return done

    def rotate(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Finished:
        """Run ``rotate-key`` against the server."""
        return self.run("rotate-key", *self.server.options, *arguments, env=env)

    def run_here(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Finished:
        """Run the client in this process, where pauses between tries take no time."""
        whole = {"HOME": str(self.home)} | self.env | dict(env or {})
        with chdir(self.cwd):
            return run_here(*arguments, env=whole, clock=VirtualClock())


def bearer(exchange: Exchange) -> str:
    """Return the key that a request came with."""
    header: str = exchange._handler.headers["Authorization"]
    return header.removeprefix("Bearer ")


def days_from_now(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def near(text: str | None, moment: datetime, seconds: float = 120) -> bool:
    """Whether a time from an answer or from the database is about this moment."""
    assert text is not None
    read = datetime.fromisoformat(text)
    read = read if read.tzinfo else read.replace(tzinfo=UTC)
    return abs((read - moment).total_seconds()) < seconds


def assert_explained(done: Finished, code: int, *parts: str) -> None:
    """A failure says what failed, how the keys stand and what to do next, and nothing else."""
    assert done.code == code, done.said
    assert done.out == ""
    lines = [line for line in done.err.splitlines() if not line.startswith(("Warning:", "debug:"))]
    starts = [line.partition(":")[0] for line in lines]
    assert starts[0] == "Error", done.err
    assert starts[-2:] == ["Keys", "Next"], done.err
    for part in parts:
        assert part in done.err
    assert "Traceback" not in done.err
