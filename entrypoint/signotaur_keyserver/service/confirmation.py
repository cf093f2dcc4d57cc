"""``PUT /rotations/{uuid}/confirmation``: the one step that arms the old key's revocation."""

from datetime import datetime
from uuid import UUID

from signotaur_keyserver import refusals, rules
from signotaur_keyserver.database import Database
from signotaur_keyserver.events import EventType, Level
from signotaur_keyserver.records import Rotation
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.change import Change, change
from signotaur_keyserver.service.description import describe_rotation
from signotaur_keyserver.store import keys, rotations
from signotaur_wire.members import format_time
from signotaur_wire.messages import RotationDescription, RotationState


def confirm_rotation(
    database: Database, caller: Caller, rotation_id: UUID, source: str | None = None
) -> RotationDescription:
    """Confirm with the new key; repeatable, also when the old key is dead. Needs no role.

    Raises Refused: unknown-rotation, or rotation-mismatch for the old key and for a rotation
    that was aborted or superseded, or rotation-open while another run delivers its candidate.
    """
    with change(database, caller, source) as this:
        rotation = this.rotation(rotation_id)
        if this.key.id != rotation.new_key_id:
            raise refusals.wrong_key("new")
        if rotation.is_unconfirmed:
            _confirm(this, rotation)
        elif rotation.state is not RotationState.CONFIRMED:
            raise refusals.not_confirmable(rotation.state)
        return describe_rotation(this.rotation(rotation_id), this.now)


def _confirm(this: Change, rotation: Rotation) -> None:
    siblings = _competitors(this, rotation)
    rules.require_free_lease(siblings, rotation.holder, this.now)
    armed = rules.armed_moment(rotation, this.now)
    rotations.confirm(this.connection, rotation.id, this.now, armed)
    _arm_old_key(this, rotation, armed)
    for sibling in siblings:
        if sibling.is_unconfirmed:
            _retire_candidate(this, sibling, armed)
        elif sibling.state is RotationState.CONFIRMED:
            _retire_successor(this, rotation, sibling, armed)


def _competitors(this: Change, rotation: Rotation) -> list[Rotation]:
    """Return the old key's other rotations, and those that it lost against itself."""
    siblings = rotations.of_old_key(this.connection, rotation.old_key_id)
    origin = rotations.of_new_key(this.connection, rotation.old_key_id)
    if origin is not None and origin.state is RotationState.SUPERSEDED:
        siblings += rotations.of_old_key(this.connection, origin.old_key_id)
    return [sibling for sibling in siblings if sibling.id != rotation.id]


def _arm_old_key(this: Change, rotation: Rotation, armed: datetime) -> None:
    old, new = rotation.old_key_id, rotation.new_key_id
    if rotation.auto_revoke:
        due = this.retire(old, armed, "rotated", rotation)
        keys.note_old_key_deadline(this.connection, new, due)
        outcome = f"key {old} dies at {format_time(due)}"
    else:
        outcome = f"key {old} stays valid until a person revokes it"
    message = f"Rotation of key {old} to key {new} was confirmed: {outcome}."
    this.log(Level.INFORMATION, EventType.ROTATION_CONFIRMED, message, rotation)


def _retire_candidate(this: Change, sibling: Rotation, armed: datetime) -> None:
    rotations.set_state(this.connection, sibling.id, RotationState.SUPERSEDED)
    message = (
        f"Candidate key {sibling.new_key_id} of key {sibling.old_key_id} was superseded "
        f"and dies at {format_time(armed)}."
    )
    this.log(Level.INFORMATION, EventType.ROTATION_SUPERSEDED, message, sibling)
    this.retire(sibling.new_key_id, armed, "superseded", sibling)


def _retire_successor(this: Change, rotation: Rotation, earlier: Rotation, armed: datetime) -> None:
    """Retire a successor that was declared lost: an ``again`` leaves one survivor, too."""
    if earlier.new_key_is_dead(this.now):
        return
    due = this.retire(earlier.new_key_id, armed, "replaced", rotation)
    message = (
        f"Key {earlier.new_key_id}, an earlier successor of key {earlier.old_key_id}, was "
        f"replaced by key {rotation.new_key_id} and dies at {format_time(due)}."
    )
    this.log(Level.WARNING, EventType.KEY_RETIRING, message, rotation, key_id=earlier.new_key_id)
