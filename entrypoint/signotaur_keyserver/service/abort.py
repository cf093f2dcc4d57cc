"""``DELETE /rotations/{uuid}``: give a rotation up before its candidate was ever used."""

from uuid import UUID

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals, rules
from signotaur_keyserver.domain.events import EventType, Level
from signotaur_keyserver.domain.key_authorization import KeyCall
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.description import describe_rotation
from signotaur_keyserver.service.rotation_transaction import change
from signotaur_keyserver.store import rotations
from signotaur_wire.messages import RotationDescription, RotationState


def abort_rotation(
    database: Database, caller: Caller, rotation_id: UUID, source: str | None = None
) -> RotationDescription:
    """Abort with the old key; the candidate dies at once. Repeatable.

    Raises RefusedError: unknown-rotation; rotation-mismatch for the new key, and when the candidate
    was used; already-rotated when the rotation was confirmed.
    """
    with change(database, caller, source) as this:
        rotation = this.rotation(rotation_id, KeyCall.ABORT)
        if rotation.is_confirmed:
            raise refusals.already_rotated(rotation)
        if rotation.is_unconfirmed:
            rules.require_undelivered(rotation, this.now)
            rotations.set_state(this.connection, rotation.id, RotationState.ABORTED)
            message = f"Rotation of key {rotation.old_key_id} was aborted."
            this.log(Level.INFORMATION, EventType.ROTATION_ABORTED, message, rotation)
            this.revoke_candidate(rotation, "aborted")
        return describe_rotation(this.rotation(rotation_id), this.now)
