"""``PUT /rotations/{uuid}/confirmation``: the one step that arms the old key's revocation."""

from datetime import datetime
from uuid import UUID

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals, rules
from signotaur_keyserver.domain.events import EventType, Level
from signotaur_keyserver.domain.key_authorization import KeyCall
from signotaur_keyserver.domain.records import REPLACED, Rotation
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service.authentication import Caller, first_use, record_first_use
from signotaur_keyserver.service.description import describe_rotation
from signotaur_keyserver.service.rotation_transaction import Change, change
from signotaur_keyserver.store import keys, rotations
from signotaur_wire.members import format_time
from signotaur_wire.messages import ConfirmationRequest, RotationDescription


def confirm_rotation(
    database: Database,
    caller: Caller,
    rotation_id: UUID,
    request: ConfirmationRequest,
    source: str | None = None,
) -> RotationDescription:
    """Confirm with the new key; repeatable, also when the old key is dead. Needs no role.

    If this is the new key's first use, it is recorded in the same transaction; where that one is
    given up, because the confirmation is refused, in one of its own.
    Raises RefusedError: unknown-rotation, or rotation-mismatch for the old key and for a rotation
    that was aborted or superseded, or rotation-open while another run delivers its candidate.
    An ``again`` is superseded by the first use of the successor that it says is lost
    (``service.successor``), so the confirmation need not ask for it.
    """
    try:
        with change(database, caller, source) as this:
            return _confirmed(this, rotation_id, request)
    except RefusedError:
        if caller.is_first_use_of_candidate:
            record_first_use(database, caller.key, source)
        raise


def _confirmed(
    this: Change, rotation_id: UUID, request: ConfirmationRequest
) -> RotationDescription:
    rotation = this.rotation(rotation_id, KeyCall.CONFIRM)
    if rotation.is_unconfirmed:
        if keys.mark_first_use(this.connection, this.key.id, this.now):
            this.events.append(first_use(this.key, this.source))
        _confirm(this, rotation, request)
    elif not rotation.is_confirmed:
        raise refusals.not_confirmable(rotation.state)
    return describe_rotation(this.rotation(rotation_id), this.now)


def _confirm(this: Change, rotation: Rotation, request: ConfirmationRequest) -> None:
    competing = rotations.competing(this.connection, rotation.old_key_id)
    rivals = [rival for rival in competing if rival.id != rotation.id]
    rules.require_free_lease(rivals, rotation.holder, this.now)
    armed = rules.revocation_time(rotation, this.now)
    rotations.confirm(this.connection, rotation.id, this.now, armed, request.destinations)
    replaces = any(rival.is_confirmed for rival in rivals)
    _arm_old_key(this, rotation, armed, Level.SECURITY if replaces else Level.INFORMATION)
    rivals_revocation_time = rules.rivals_revocation_time(rivals, armed)
    for rival in rivals:
        if rival.is_unconfirmed:
            this.supersede(rival, rivals_revocation_time)
        elif rival.is_confirmed:
            _retire_successor(this, rotation, rival, rivals_revocation_time)


def _arm_old_key(this: Change, rotation: Rotation, armed: datetime, level: Level) -> None:
    old, new = rotation.old_key_id, rotation.new_key_id
    if rotation.auto_revoke:
        due = this.retire(old, armed, "rotated", rotation)
        keys.note_old_key_deadline(this.connection, new, due)
        outcome = f"key {old} will be revoked at {format_time(due)}"
    else:
        outcome = f"key {old} stays valid until somebody revokes it"
    message = f"Rotation of key {old} to key {new} was confirmed: {outcome}."
    this.log(level, EventType.ROTATION_CONFIRMED, message, rotation)


def _retire_successor(this: Change, rotation: Rotation, earlier: Rotation, end: datetime) -> None:
    """Retire a successor that was declared lost: an ``again`` leaves one survivor, too.

    It is unused. When it is used before its end it stays (``service.successor``).
    """
    if earlier.new_key_is_dead(this.now):
        return
    due = this.retire(earlier.new_key_id, end, REPLACED, rotation)
    message = (
        f"Key {earlier.new_key_id}, an earlier successor of key {earlier.old_key_id}, was "
        f"replaced by key {rotation.new_key_id}: it will be revoked at {format_time(due)}, unless "
        "it is used earlier."
    )
    this.log(Level.SECURITY, EventType.KEY_RETIRING, message, rotation, key_id=earlier.new_key_id)
