"""A database with many keys, written past the server: only a few of them are ever used."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from signotaur_wire import keyformat

_INSERT = """
INSERT INTO keys (public_id, sha256, owner_id, name, enabled, created_at_utc, expires_at_utc)
VALUES (?, ?, 1, 'benchmark', 1, ?, ?)
"""
_TIME = "%Y-%m-%d %H:%M:%S.%f"


def fill(folder: Path, stored: int, asked: int, age_days: int = 0) -> tuple[str, ...]:
    """Add keys of the first user to a key server's SQLite database; return ``asked`` of them.

    The others have a random digest, which no key is known for. All live for 90 days.
    """
    texts = tuple(keyformat.generate() for _ in range(asked))
    with closing(sqlite3.connect(folder / "keyserver.db", timeout=30)) as database, database:
        database.executemany(_INSERT, _rows(texts, stored - asked, age_days))
    return texts


def _rows(
    texts: tuple[str, ...], others: int, age_days: int
) -> Iterator[tuple[str, str, str, str]]:
    made = datetime.now(UTC) - timedelta(days=age_days)
    times = made.strftime(_TIME), (made + timedelta(days=90)).strftime(_TIME)
    for _ in range(others):
        yield secrets.token_hex(8)[:15], secrets.token_hex(32), *times
    for text in texts:
        parsed = keyformat.parse(text)
        yield parsed.public_id, parsed.sha256, *times
