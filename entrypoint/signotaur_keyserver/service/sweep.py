"""The sweep: make permanent what the deadlines already enforce, and tell of it.

Any number of instances may sweep at once; each change is made, and logged, by exactly one.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.service.sign_in import IDLE
from signotaur_keyserver.store import events, keys, rotations, sessions


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
        return Swept(_revoke(connection, now), _hold(connection, now))


def _revoke(connection: Connection, now: datetime) -> tuple[int, ...]:
    revoked = keys.revoke_due(connection, now)
    for key_id, reason in revoked:
        message = f"Key {key_id} was revoked: {reason}."
        event = Event(Level.INFORMATION, EventType.KEY_REVOKED, message, key_id=key_id)
        events.write(connection, now, event)
    return tuple(key_id for key_id, _reason in revoked)


def _hold(connection: Connection, now: datetime) -> tuple[UUID, ...]:
    held = rotations.hold_ended(connection, now)
    for rotation_id, old_key_id, new_key_id in held:
        message = (
            f"Rotation of key {old_key_id} to key {new_key_id} was never confirmed and is held: "
            "both keys stay valid. Run the rotation again."
        )
        event = Event(
            Level.WARNING,
            EventType.ROTATION_HELD,
            message,
            key_id=old_key_id,
            rotation_id=rotation_id,
        )
        events.write(connection, now, event)
    return tuple(rotation_id for rotation_id, _old, _new in held)
