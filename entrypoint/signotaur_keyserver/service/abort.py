"""``DELETE /rotations/{uuid}``: give a rotation up; its candidate dies at once."""

from uuid import UUID

from signotaur_keyserver import refusals
from signotaur_keyserver.database import Database
from signotaur_keyserver.events import EventType, Level
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.change import change
from signotaur_keyserver.service.description import describe_rotation
from signotaur_keyserver.store import rotations
from signotaur_wire.messages import RotationDescription, RotationState


def abort_rotation(
    database: Database, caller: Caller, rotation_id: UUID, source: str | None = None
) -> RotationDescription:
    """Abort with the old key; repeatable.

    Raises Refused: unknown-rotation, rotation-mismatch for the new key, already-rotated when it
    was confirmed.
    """
    with change(database, caller, source) as this:
        rotation = this.rotation(rotation_id)
        if this.key.id != rotation.old_key_id:
            raise refusals.wrong_key("old")
        if rotation.state is RotationState.CONFIRMED:
            raise refusals.already_rotated(rotation)
        if rotation.is_unconfirmed:
            rotations.set_state(this.connection, rotation.id, RotationState.ABORTED)
            message = f"Rotation of key {rotation.old_key_id} was aborted."
            this.log(Level.INFORMATION, EventType.ROTATION_ABORTED, message, rotation)
            this.revoke_candidate(rotation, "aborted")
        return describe_rotation(this.rotation(rotation_id), this.now)
