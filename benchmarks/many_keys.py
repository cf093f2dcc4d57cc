"""A database with many keys, written past the server: only a few of them are ever used."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from signotaur_wire import keyformat

_COLUMNS = "public_id, sha256, created_at_utc, expires_at_utc, revoke_due_utc, revoke_reason"
_TIME = "%Y-%m-%d %H:%M:%S.%f"

Row = tuple[str, str, datetime, datetime, datetime | None, str | None]


def fill(
    folder: Path, stored: int, asked: int, *, due: bool = False, age_days: int = 0
) -> tuple[str, ...]:
    """Add keys of the first user to a key server's SQLite database; return ``asked`` of them.

    The others have a random digest, which no key is known for. ``due``: the others are to be
    revoked by the next sweep. All live for 90 days from ``age_days`` ago.
    """
    texts = _texts(asked)
    rows = [_for_sqlite(row) for row in _rows(texts, stored - asked, due=due, age_days=age_days)]
    with closing(sqlite3.connect(folder / "keyserver.db", timeout=30)) as database, database:
        database.executemany(_insert("?"), rows)
    return texts


def fill_postgresql(connection_text: str, stored: int, asked: int) -> tuple[str, ...]:
    """Do the same in a PostgreSQL database, named as libpq wants it."""
    texts = _texts(asked)
    with psycopg.connect(connection_text) as database, database.cursor() as cursor:
        cursor.executemany(_insert("%s").encode(), list(_rows(texts, stored - asked, due=False)))
    return texts


def due_keys(folder: Path) -> int:
    """Count the keys of a SQLite database that wait for a sweep."""
    waiting = (
        "SELECT count(*) FROM keys WHERE revoke_due_utc IS NOT NULL AND revoked_at_utc IS NULL"
    )
    with closing(sqlite3.connect(folder / "keyserver.db", timeout=30)) as database:
        return int(database.execute(waiting).fetchone()[0])


def _insert(mark: str) -> str:
    marks = ", ".join([mark] * (_COLUMNS.count(",") + 1))
    return (
        f"INSERT INTO keys ({_COLUMNS}, owner_id, name, enabled) "  # noqa: S608 - our own text
        f"VALUES ({marks}, 1, 'benchmark', TRUE)"
    )


def _texts(asked: int) -> tuple[str, ...]:
    return tuple(keyformat.generate() for _ in range(asked))


def _rows(texts: tuple[str, ...], others: int, *, due: bool, age_days: int = 0) -> Iterator[Row]:
    now = datetime.now(UTC)
    made = now - timedelta(days=age_days)
    times = made, made + timedelta(days=90)
    end = (now - timedelta(seconds=1), "rotated") if due else (None, None)
    for _ in range(others):
        yield secrets.token_hex(8)[:15], secrets.token_hex(32), *times, *end
    for text in texts:
        parsed = keyformat.parse(text)
        yield parsed.public_id, parsed.sha256, *times, None, None


def _for_sqlite(row: Row) -> tuple[str | None, ...]:
    return tuple(each.strftime(_TIME) if isinstance(each, datetime) else each for each in row)
