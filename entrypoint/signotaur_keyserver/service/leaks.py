"""Keys that were found in public places: note them, and disable them if the operator wants it."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Key
from signotaur_keyserver.service.log_text import sanitize
from signotaur_keyserver.store import events, keys
from signotaur_wire import keyformat


@dataclass(frozen=True)
class Leak:
    """One finding, as it was reported."""

    token: str
    type: str
    url: str | None
    source: str | None

    def __repr__(self) -> str:
        return "Leak(...)"


def note_leaks(
    database: Database, leaks: Sequence[Leak], source: str | None, *, disable: bool
) -> list[bool]:
    """Write an event for each key of this server; return which findings are keys of it.

    One transaction for all of them. A key that is dead already is noted as well.
    """
    with database.write() as connection:
        now = database.clock.now(connection)
        matches = [_key(connection, leak.token) for leak in leaks]
        for leak, key in zip(leaks, matches, strict=True):
            if key is not None:
                _note(connection, now, leak, key, source)
        leaked = {key.id: key for key in matches if key is not None}
        for key in leaked.values():
            if disable and key.enabled:
                _disable(connection, now, key, source)
        return [key is not None for key in matches]


def _key(connection: Connection, token: str) -> Key | None:
    try:
        parsed = keyformat.parse(token)
    except keyformat.KeyFormatError:
        return None
    row = keys.find_used(connection, parsed.public_id)
    if row is None or not hmac.compare_digest(row[0].sha256, parsed.sha256):
        return None
    return row[0]


def _note(connection: Connection, now: datetime, leak: Leak, key: Key, source: str | None) -> None:
    message = (
        f"Key {key.id} was found in a public place. Rotate it with --compromised, and find out "
        "who used it."
    )
    data = {"url": sanitize(leak.url), "source": sanitize(leak.source), "type": sanitize(leak.type)}
    event = Event(
        Level.SECURITY,
        EventType.KEY_LEAKED,
        message,
        key.owner_id,
        key.id,
        source=source,
        data=dict(data),
    )
    events.write(connection, now, event)


def _disable(connection: Connection, now: datetime, key: Key, source: str | None) -> None:
    keys.set_enabled(connection, key.id, enabled=False)
    message = f"Key {key.id} was disabled, because it was found in a public place."
    event = Event(
        Level.SECURITY, EventType.KEY_DISABLED, message, key.owner_id, key.id, source=source
    )
    events.write(connection, now, event)
