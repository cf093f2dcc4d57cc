"""The sweep: make permanent what the deadlines already enforce, and tell of it.

Any number of instances may sweep at once; each change is made, and logged, by exactly one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.service.sign_in import IDLE
from signotaur_keyserver.store import events, keys, rotations, sessions, settings, webhooks
from signotaur_wire.members import format_time

SOON = timedelta(days=14)
"""How long before a key's expiry an event tells of it."""
_EXPIRY_SEEN = "expiry-seen"
_DELIVERIES_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Swept:
    """What one sweep did."""

    revoked_key_ids: tuple[int, ...]
    held_rotation_ids: tuple[UUID, ...]


def sweep(database: Database) -> Swept:
    """Write down due revocations, mark rotations nobody confirmed as held, forget old sessions."""
    with database.write() as connection:
        now = database.clock.now(connection)
        sessions.delete_expired(connection, now, idle_since=now - IDLE)
        revoked = keys.revoke_due(connection, now)
        held = rotations.hold_ended(connection, now)
        expiring = _expiring(connection, now)
        webhooks.prune(connection, now - _DELIVERIES_KEPT)
        found = [*map(_revoked, revoked), *map(_held, held), *expiring]
        if found:
            events.write(connection, now, *found)
        key_ids = tuple(key_id for key_id, _reason in revoked)
        return Swept(key_ids, tuple(rotation_id for rotation_id, _old, _new in held))


def _expiring(connection: Connection, now: datetime) -> list[Event]:
    """Return the events of keys that expired, or will soon, since the sweep before."""
    seen = settings.lock(connection, _EXPIRY_SEEN)
    before = None if seen is None else datetime.fromisoformat(seen)
    if before is not None and before >= now:
        return []
    settings.put(connection, _EXPIRY_SEEN, now.isoformat())
    expired = [] if before is None else keys.expiring(connection, before, now)
    from_now = now if before is None else max(now, before + SOON)
    soon = keys.expiring(connection, from_now, now + SOON)
    return [*map(_expired, expired), *map(_expires_soon, soon)]


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


def _held(held: tuple[UUID, int, int]) -> Event:
    rotation_id, old_key_id, new_key_id = held
    message = (
        f"Rotation of key {old_key_id} to key {new_key_id} was never confirmed and is held: "
        "both keys stay valid. Run the rotation again."
    )
    return Event(
        Level.WARNING,
        EventType.ROTATION_HELD,
        message,
        key_id=old_key_id,
        rotation_id=rotation_id,
    )
