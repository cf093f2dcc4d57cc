"""A real PostgreSQL cluster of a test session's own, on a socket in a temporary folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Self

import psycopg
from psycopg import sql

USER = "keyserver"
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
    "timezone": "Asia/Kathmandu",  # nothing may depend on it
}
_UNSAFE = {
    "fsync": "off",
    "full_page_writes": "off",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
}
"""Twice as fast, and small. For tests that do not kill the cluster."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of its own in it
_MEMORY_NEEDED = 1 << 30
"""Bytes. A cluster with a few databases takes a tenth of it."""


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl of the newest PostgreSQL here; None without one."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(debian, key=lambda folder: int(folder.parent.name), default=None)


class Cluster:
    """A running cluster. Use it as a context manager."""

    def __init__(self, *, durable: bool = False) -> None:
        bin_folder = programs()
        assert bin_folder is not None
        self._bin = bin_folder
        self._account = _account()
        folder = None if durable else _memory_folder()
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=folder))
        self._numbers = count()
        if self._account is not None:
            shutil.chown(self.folder, self._account)
        self._run(
            "initdb", "--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8",
            "--locale=C", f"--pgdata={self._data}",
        )  # fmt: skip
        settings = _SETTINGS | {"unix_socket_directories": str(self.folder)}
        settings |= {} if durable else _UNSAFE
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(lines)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start, and wait until it answers."""
        log = self.folder / "log"
        self._run("pg_ctl", "start", "--wait", f"--pgdata={self._data}", f"--log={log}")

    def stop(self, mode: str = "immediate") -> None:
        """Stop: ``immediate`` is a crash in good order."""
        self._run("pg_ctl", "stop", "--wait", f"--pgdata={self._data}", f"--mode={mode}")

    def kill(self) -> None:
        """Kill the postmaster and all that it started; wait until they are gone."""
        pid_file = self._data / "postmaster.pid"
        postmaster = int(pid_file.read_text().partition("\n")[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        os.kill(postmaster, signal.SIGKILL)
        deadline = monotonic() + 60
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert monotonic() < deadline, "the processes of a killed postmaster go on"
            sleep(0.01)

    def create(self, template: str = "template0") -> str:
        """Create a database and return its name."""
        name = f"test_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop(self, name: str) -> None:
        """Remove a database; connections that are left to it end."""
        self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def query(self, name: str, statement: str) -> list[tuple[object, ...]]:
        """Return the rows of a statement, past the server."""
        with psycopg.connect(f"host={self.folder} user={USER} dbname={name}") as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _execute(self, statement: str, *names: str) -> None:
        identifiers = [sql.Identifier(name) for name in names]
        composed = sql.SQL(statement).format(*identifiers)
        where = f"host={self.folder} user={USER} dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(composed)

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        prefix = () if self._account is None else ("setpriv", *_ids(self._account))
        done = subprocess.run(
            [*prefix, self._bin / program, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr


def _memory_folder() -> Path | None:
    """Return a folder in memory with enough room: there, a database is made twice as fast.

    ext4 searches long for a free inode after many files were deleted, and a database has 300.
    """
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _MEMORY_NEEDED:
        return _MEMORY
    return None


def _account() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _ids(account: str) -> tuple[str, ...]:
    entry = pwd.getpwnam(account)
    return (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups")
