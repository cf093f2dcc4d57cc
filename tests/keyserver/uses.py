"""Uses of keys, past the server."""

from datetime import timedelta

from sqlalchemy import insert, select, update

from keyserver.harness import ServerHarness
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.schema import key_uses, keys
from signotaur_keyserver.store.key_uses import KeyUse


def uses_of(database: Database) -> list[KeyUse]:
    """Return the uses that are written."""
    with database.read() as connection:
        rows = connection.execute(select(*key_uses.c).order_by(key_uses.c.client)).mappings()
        return [KeyUse(**row) for row in rows]


def use(world: ServerHarness, key_id: int, ahead: timedelta = timedelta(0)) -> None:
    """Record a use, as the server does."""
    with world.database.write() as connection:
        at = world.database.clock.now(connection) + ahead
        row = {"key_id": key_id, "network": "192.0.2.0/24", "client": "signotaur-action 2.0"}
        times = {"first_at_utc": at, "last_at_utc": at, "uses": 3}
        connection.execute(insert(key_uses).values(**row, **times))
        last = {f"last_used_{name}": row[name] for name in ("network", "client")}
        changed = update(keys).where(keys.c.id == key_id)
        connection.execute(changed.values(last_used_at_utc=at, **last))
