"""The sweep: make permanent what the deadlines already enforce, and tell of it.

Any number of instances may sweep at once; each change is made, and logged, by exactly one.
"""

from dataclasses import dataclass
from uuid import UUID

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.store import events, keys, rotations


@dataclass(frozen=True)
class Swept:
    """What one sweep did."""

    revoked_key_ids: tuple[int, ...]
    held_rotation_ids: tuple[UUID, ...]


def sweep(database: Database) -> Swept:
    """Write down due revocations, and mark rotations nobody confirmed as held."""
    with database.write() as connection:
        now = database.clock.now(connection)
        revoked = keys.revoke_due(connection, now)
        held = rotations.hold_ended(connection, now)
        found = [*map(_revoked, revoked), *map(_held, held)]
        if found:
            events.write(connection, now, *found)
        key_ids = tuple(key_id for key_id, _reason in revoked)
        return Swept(key_ids, tuple(rotation_id for rotation_id, _old, _new in held))


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
