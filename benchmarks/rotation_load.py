"""Load of the writing kind: key holders that rotate at once, and what SQLite alone could do."""

import json
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

from client_bench import rotation_to
from key_server import KeyServer
from processes import BenchmarkError

from signotaur_wire import keyformat, paths
from signotaur_wire.members import Json

_ERRORS = 400


class Holder:
    """Holds one key and rotates it again and again over one connection."""

    def __init__(self, connection: HTTPConnection, key: str) -> None:
        self._connection = connection
        self._key = key

    def rotate(self, times: int) -> None:
        """Open and confirm so many rotations, each of the key that the last one gave."""
        for _ in range(times):
            new_key = keyformat.generate()
            rotation_id = uuid4()
            self._put(paths.rotation(rotation_id), self._key, rotation_to(new_key).to_json())
            self._put(paths.confirmation(rotation_id), new_key, None)
            self._key = new_key

    def _put(self, path: str, key: str, body: Json | None) -> None:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        self._connection.request("PUT", path, content, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= _ERRORS:
            raise BenchmarkError(f"PUT {path} was answered {response.status}: {answer!r}")


class Holders:
    """Several holders at work at the same time, each in its own thread."""

    def __init__(self, keyserver: KeyServer, keys: Sequence[str], stack: ExitStack) -> None:
        self._threads = stack.enter_context(ThreadPoolExecutor(len(keys)))
        self._holders = [Holder(stack.enter_context(keyserver.connection()), key) for key in keys]

    def pairs_per_second(self, each: int) -> float:
        """Let every holder rotate so many times; return rotations with confirmation a second."""
        begin = time.perf_counter()
        list(self._threads.map(lambda holder: holder.rotate(each), self._holders))
        return each * len(self._holders) / (time.perf_counter() - begin)


class BareCommits:
    """Pairs of commits by SQLite alone, as safe as the server's: one writer, one small row each."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        database = sqlite3.connect(folder / "bare.db", isolation_level=None)
        self._database = stack.enter_context(closing(database))
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE line (id INTEGER PRIMARY KEY, content TEXT NOT NULL)",
        ):
            self._database.execute(statement)

    def pairs_per_second(self, pairs: int) -> float:
        """Commit twice so many times; return pairs a second."""
        begin = time.perf_counter()
        for _ in range(2 * pairs):
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("INSERT INTO line (content) VALUES (?)", ("x" * 200,))
            self._database.execute("COMMIT")
        return pairs / (time.perf_counter() - begin)
