"""What a person does with a rotation: abort it, extend its overlap once, or end it now."""

from datetime import timedelta

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals, rules
from signotaur_keyserver.domain.events import EventType
from signotaur_keyserver.service.person_transaction import Actor, change_of
from signotaur_keyserver.store import keys, rotations
from signotaur_wire.members import format_time
from signotaur_wire.messages import RotationState


def abort(database: Database, actor: Actor, new_key_id: int, *, even_if_used: bool = False) -> None:
    """Abort the rotation that made a key; this candidate is revoked at once.

    ``even_if_used`` is for administrators: a candidate that was used may be in a destination.
    Raises RefusedError.
    """
    if even_if_used and actor.owner_id is not None:
        raise refusals.not_allowed(
            "Only an administrator can abort a rotation whose new key was used."
        )
    with change_of(database, actor, (new_key_id,)) as this:
        rotation, _old = this.rotation_of(new_key_id)
        rules.require_abortable(rotation, this.now, even_if_used=even_if_used)
        candidate = this.key(new_key_id)
        rotations.set_state(this.connection, rotation.id, RotationState.ABORTED)
        message = f"Rotation of key {rotation.old_key_id} was aborted by {this.by}."
        this.log(EventType.ROTATION_ABORTED, message, candidate, rotation)
        this.revoke(candidate, "aborted")


def extend_overlap(database: Database, actor: Actor, new_key_id: int, days: int) -> None:
    """Let the old key of a confirmed rotation work longer: once, and up to 30 days in all.

    Raises RefusedError.
    """
    with change_of(database, actor, (new_key_id,)) as this:
        rotation, old = this.rotation_of(new_key_id)
        most = rules.days_to_extend(rotation, old, this.now)
        if not 1 <= days <= most:
            raise refusals.invalid_fields({"days": f"Choose 1 to {most} days."})
        end = rotation.overlap_end_utc + timedelta(days=days)
        keys.arm(this.connection, old.id, end, old.revoke_reason or "rotated")
        keys.note_old_key_deadline(this.connection, new_key_id, end)
        rotations.change_overlap(this.connection, rotation.id, end, this.now)
        message = (
            f"The overlap of key {old.id} was extended by {this.by}: it will be revoked at "
            f"{format_time(end)}."
        )
        this.log(EventType.OVERLAP_EXTENDED, message, old, rotation, {"days": days})


def end_overlap(database: Database, actor: Actor, new_key_id: int) -> None:
    """Revoke the old key of a confirmed rotation now. Raises RefusedError.

    Refused when the new key is dead: no key would be left.
    """
    with change_of(database, actor, (new_key_id,)) as this:
        rotation, old = this.rotation_of(new_key_id)
        rules.require_overlap(rotation, old, this.now)
        rules.require_successor(rotation, this.now)
        keys.note_old_key_deadline(this.connection, new_key_id, this.now)
        rotations.change_overlap(this.connection, rotation.id, this.now, this.now)
        message = f"The overlap of key {old.id} was ended by {this.by}."
        this.log(EventType.OVERLAP_ENDED, message, old, rotation)
        this.revoke(old, "rotated")
