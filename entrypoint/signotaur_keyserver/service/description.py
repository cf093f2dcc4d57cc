"""What the server tells a key about itself and its rotations. Read-only."""

from datetime import datetime
from uuid import UUID

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.key_authorization import KeyCall, require_party
from signotaur_keyserver.domain.records import Key, Rotation
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.store import rotations
from signotaur_wire.messages import KeyDescription, RotationDescription


def describe_self(database: Database, caller: Caller) -> KeyDescription:
    """Describe the caller's key. A key that takes part in no rotation costs no statement."""
    rotation = None
    if caller.key.rotation_id is not None:
        with database.ask() as connection:
            rotation = rotations.find(connection, caller.key.rotation_id)
    return describe_key(caller.key, rotation, caller.now)


def describe_rotation_to(
    database: Database, caller: Caller, rotation_id: UUID
) -> RotationDescription:
    """Describe a rotation to its old or new key. Raises RefusedError to any other."""
    with database.ask() as connection:
        rotation = rotations.find(connection, rotation_id)
    allowed = require_party(KeyCall.SEE_ROTATION, rotation, caller.key.id)
    return describe_rotation(allowed, caller.now)


def describe_key(key: Key, rotation: Rotation | None, now: datetime) -> KeyDescription:
    """Put a key's record into the words of the wire."""
    return KeyDescription(
        id=key.id,
        public_id=key.public_id,
        name=key.name,
        owner=key.owner,
        roles=key.roles,
        state=key.state(now),
        created_at=key.created_at_utc,
        expires_at=key.expires_at_utc,
        revokes_at=key.revoke_due_utc,
        rotated_from_key_id=key.rotated_from_key_id,
        rotation_timestamp_utc=key.rotation_timestamp_utc,
        auto_revoke_old_key_utc=key.auto_revoke_old_key_utc,
        rotation=None if rotation is None else describe_rotation(rotation, now),
        server_time=now,
    )


def describe_rotation(rotation: Rotation, now: datetime) -> RotationDescription:
    """Put a rotation's record into the words of the wire."""
    return RotationDescription(
        id=rotation.id,
        state=rotation.state_at(now),
        old_key_id=rotation.old_key_id,
        new_key_id=rotation.new_key_id,
        new_key_name=rotation.new_name,
        new_key_expires_at=rotation.new_expires_at_utc,
        overlap_days=rotation.overlap_days,
        auto_revoke=rotation.auto_revoke,
        again=rotation.again,
        holder=rotation.holder,
        opened_at=rotation.opened_at_utc,
        lease_until=rotation.lease_until_utc,
        overlap_end=rotation.overlap_end_utc,
        confirmed_at=rotation.confirmed_at_utc,
        auto_revoke_old_key_utc=rotation.new_auto_revoke_old_key_utc,
        server_time=now,
    )
