"""The sweep: make permanent what the deadlines already enforce, and tell of it.

Any number of instances may sweep at once; each change is made, and logged, by exactly one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.service.sign_in import IDLE
from signotaur_keyserver.store import (
    due_keys,
    events,
    keys,
    rotations,
    sessions,
    settings,
    trusts,
    webhooks,
)
from signotaur_wire.members import format_time

SOON = timedelta(days=14)
"""How long before a key's expiry an event tells of it."""
BATCH = 100
"""Most revocations, and most rotations, that one transaction writes down."""
_EXPIRY_SEEN = "expiry-seen"
_DELIVERIES_KEPT = timedelta(days=30)
_KEYS_OF_TOKENS_LISTED = timedelta(days=1)
"""After their end. Each CI job makes one; the events tell of all of them."""


@dataclass(frozen=True)
class Swept:
    """What one sweep did."""

    revoked_key_ids: tuple[int, ...]
    held_rotation_ids: tuple[UUID, ...]


def sweep(database: Database, pause: Callable[[], bool] = lambda: False) -> Swept:
    """Write down due revocations, mark stalled rotations, and forget old sessions.

    In batches, so that other writers wait for one of them only. ``pause`` is called between two
    and returns whether to end; the next sweep does the rest.
    """
    _forget(database)
    revoked: list[int] = []
    held: list[UUID] = []
    while True:
        batch = _batch(database)
        revoked += batch.revoked_key_ids
        held += batch.held_rotation_ids
        if batch.last or pause():
            return Swept(tuple(revoked), tuple(held))


def _forget(database: Database) -> None:
    with database.write() as connection:
        now = database.clock.now(connection)
        sessions.delete_expired(connection, now, idle_since=now - IDLE)
        webhooks.prune(connection, now - _DELIVERIES_KEPT)
        trusts.forget_tokens(connection, now)
        keys.hide_of_tokens(connection, now - _KEYS_OF_TOKENS_LISTED, now)


@dataclass(frozen=True)
class _Batch(Swept):
    last: bool


def _batch(database: Database) -> _Batch:
    with database.write() as connection:
        now = database.clock.now(connection)
        revoked = due_keys.revoke_due(connection, now, BATCH)
        held = rotations.hold_ended(connection, now, BATCH)
        expiring, complete = _expiring(connection, now)
        new_events = [*map(_revoked, revoked), *map(_stalled, held), *expiring]
        if new_events:
            events.write(connection, now, *new_events)
        return _Batch(
            tuple(key_id for key_id, _reason in revoked),
            tuple(rotation_id for rotation_id, _old, _new in held),
            last=complete and max(len(revoked), len(held)) < BATCH,
        )


def _expiring(connection: Connection, now: datetime) -> tuple[list[Event], bool]:
    """Return events of keys that expired or will soon, and whether these are all that there are.

    ``_EXPIRY_SEEN`` is the moment up to which such events were written.
    """
    seen = settings.lock(connection, _EXPIRY_SEEN)
    before = now if seen is None else datetime.fromisoformat(seen)
    if seen is not None and before >= now:
        return [], True
    soon_from = now if seen is None else max(now, before + SOON)
    until = now if seen is None else _until(connection, before, soon_from, now)
    settings.put(connection, _EXPIRY_SEEN, until.isoformat())
    expired = due_keys.expiring(connection, before, until)
    soon = due_keys.expiring(connection, soon_from, until + SOON)
    return [*map(_expired, expired), *map(_expires_soon, soon)], until == now


def _until(
    connection: Connection, before: datetime, soon_from: datetime, now: datetime
) -> datetime:
    """Return up to which moment a batch goes, so that it has about ``BATCH`` keys of each kind.

    A few more where several keys expire at one moment.
    """
    expired = due_keys.expiry_at_place(connection, before, now, BATCH)
    soon = due_keys.expiry_at_place(connection, soon_from, now + SOON, BATCH)
    return min(now, expired or now, now if soon is None else soon - SOON)


def _expired(key: tuple[int, int, datetime]) -> Event:
    key_id, owner_id, _at = key
    message = f"Key {key_id} has expired."
    return Event(Level.INFORMATION, EventType.KEY_EXPIRED, message, owner_id, key_id)


def _expires_soon(key: tuple[int, int, datetime]) -> Event:
    key_id, owner_id, at = key
    message = f"Key {key_id} expires at {format_time(at)}: rotate it before."
    return Event(Level.WARNING, EventType.KEY_EXPIRES_SOON, message, owner_id, key_id)


def _revoked(revoked: tuple[int, str]) -> Event:
    key_id, reason = revoked
    message = f"Key {key_id} was revoked: {reason}."
    return Event(Level.INFORMATION, EventType.KEY_REVOKED, message, key_id=key_id)


def _stalled(stalled: tuple[UUID, int, int]) -> Event:
    rotation_id, old_key_id, new_key_id = stalled
    message = (
        f"Rotation of key {old_key_id} to key {new_key_id} was not confirmed before its "
        "overlap ended and is stalled: both keys stay valid. Run the rotation again."
    )
    return Event(
        Level.WARNING,
        EventType.ROTATION_HELD,
        message,
        key_id=old_key_id,
        rotation_id=rotation_id,
    )
