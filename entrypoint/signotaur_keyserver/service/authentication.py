"""Who calls: from the text of a key to the record of a key that may be used now."""

import hmac
from dataclasses import dataclass
from datetime import datetime

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals, rules
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Key
from signotaur_keyserver.store import events, key_locks, keys
from signotaur_wire import keyformat

_DUMMY_SHA256 = keyformat.digest("no key has this digest")
_FIRST_ID, _NO_ID = 1, 0
"""Ids of keys begin at 1, and keys are never deleted."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A key that was proven and may be used."""

    key: Key
    now: datetime

    @property
    def is_first_use_of_candidate(self) -> bool:
        """Whether this use must be recorded at once: from now on the key may be anywhere."""
        return self.key.is_unconfirmed and self.key.first_used_at_utc is None


def authenticate(database: Database, key_text: str) -> Caller:
    """Return the caller whose key this is. One statement for a key that is known, no write.

    Raises RefusedError: ``unknown-key`` to a caller that does not prove to hold a known key, and
    the true cause to one that does.
    """
    try:
        parsed = keyformat.parse(key_text)
    except keyformat.KeyFormatError:
        raise refusals.unknown_key() from None
    with database.ask() as connection:
        row = keys.find_used(connection, parsed.public_id)
        expected = _DUMMY_SHA256 if row is None else row[0].sha256
        proven = hmac.compare_digest(parsed.sha256, expected)
        if row is None or not proven:
            # A row that is found takes longer than none. So a refused caller has the server
            # find one row and miss one, and time says little of whether an id exists. It need
            # not say nothing: ids are 89 random bits, too many to try.
            keys.get(connection, _FIRST_ID if row is None else _NO_ID)
            raise refusals.unknown_key()
    key, now = row[0], database.clock.shift(row[1])
    rules.require_alive(key, now)
    return Caller(key, now)


def record_first_use(database: Database, key: Key, source: str | None) -> None:
    """Record that a candidate was used: from now on it is never superseded as unused.

    Raises RefusedError when it was superseded since it was authenticated: its holder must not think
    that it holds a working key.
    """
    with database.write() as connection:
        key_locks.lock(connection, [key.id])
        now = database.clock.now(connection)
        if not keys.mark_first_use(connection, key.id, now):
            return
        rules.require_alive(keys.require(connection, key.id), now)
        events.write(connection, now, first_use(key, source))


def first_use(key: Key, source: str | None) -> Event:
    """Return the event of the first use of a candidate."""
    return Event(
        Level.INFORMATION,
        EventType.CANDIDATE_FIRST_USED,
        f"Candidate key {key.id} was used for the first time.",
        user_id=key.owner_id,
        key_id=key.id,
        source=source,
    )
