"""``PUT /rotations/{uuid}``: open a rotation, or repeat the request and renew its lease."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals, rules
from signotaur_keyserver.domain.events import EventType, Level
from signotaur_keyserver.domain.key_authorization import KeyCall, require_call
from signotaur_keyserver.domain.records import Rotation
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.description import describe_rotation
from signotaur_keyserver.service.rotation_transaction import Change, change
from signotaur_keyserver.service.successor import note_use
from signotaur_keyserver.store import keys, rotations
from signotaur_wire.limits import LEASE
from signotaur_wire.members import Json
from signotaur_wire.messages import RotationDescription, RotationRequest, RotationState


@dataclass(frozen=True)
class PutResult:
    """The outcome: the rotation as it is now, and whether this request opened it."""

    rotation: RotationDescription
    opened: bool


def put_rotation(
    database: Database,
    caller: Caller,
    rotation_id: UUID,
    request: RotationRequest,
    source: str | None = None,
) -> PutResult:
    """Open the rotation, or answer what it is now. Safe to repeat at any time.

    Raises RefusedError for every reason that ``rules`` and ``refusals`` name.
    """
    with change(database, caller, source) as this:
        require_call(KeyCall.PUT_ROTATION, this.key)
        known = rotations.find(this.connection, rotation_id)
        if known is None:
            rotation = _open(this, rotation_id, request)
        else:
            rotation = _repeat(this, known, request)
        return PutResult(describe_rotation(rotation, this.now), opened=known is None)


def _repeat(this: Change, rotation: Rotation, request: RotationRequest) -> Rotation:
    rules.require_repeat(rotation, this.key, request)
    if not rotation.is_unconfirmed:
        return rotation
    if rotation.new_key_is_dead(this.now):  # nobody can confirm it any more
        _supersede_candidate(this, rotation)
        return this.rotation(rotation.id)
    competing = rotations.competing(this.connection, rotation.old_key_id)
    rules.require_free_lease(competing, request.holder, this.now)
    rotations.renew(this.connection, rotation.id, request.holder, this.now + LEASE)
    if rotation.holder != request.holder:
        message = f"Another run continues the rotation of key {rotation.old_key_id}."
        data = {"holder": request.holder, "earlierHolder": rotation.holder}
        this.log(
            Level.INFORMATION, EventType.ROTATION_TAKEN_OVER, message, rotation, data=dict(data)
        )
    if request.compromised:
        message = f"The client that continues the rotation reported key {rotation.old_key_id} as "
        message += "compromised."
        this.log(Level.SECURITY, EventType.KEY_LEAKED, message, rotation)
    return this.rotation(rotation.id)


def _open(this: Change, rotation_id: UUID, request: RotationRequest) -> Rotation:
    rules.require_allowed_overlap(this.key, request)
    _require_decided(this)
    competing = rotations.competing(this.connection, this.key.id)
    rules.require_free_lease(competing, request.holder, this.now)
    lost = rules.lost_successors(competing, request)
    note_use(this)
    present = [rotation for rotation in competing if rotation.old_key_id == this.key.id]
    for idle in rules.candidates_to_supersede(present, this.now):
        _supersede_candidate(this, idle)
    _insert(this, rotation_id, request, rules.successor_expiry(this.key, lost, this.now))
    opened = this.rotation(rotation_id)
    _log_opened(this, opened, lost, compromised=request.compromised)
    return opened


def _require_decided(this: Change) -> None:
    """Raise RefusedError for a candidate: it must be confirmed before it is rotated."""
    if not this.key.is_unconfirmed:
        return
    own = rotations.of_new_key(this.connection, this.key.id)
    if own is not None and own.is_unconfirmed:
        raise refusals.candidate_unconfirmed(own, this.now)


def _log_opened(
    this: Change, rotation: Rotation, lost: Sequence[Rotation], *, compromised: bool
) -> None:
    message = f"Rotation of key {this.key.id} opened: candidate key {rotation.new_key_id}."
    if lost:
        message += f" It replaces key {lost[-1].new_key_id}, which the client reported as lost."
    if compromised:
        message += f" The client reported that key {this.key.id} is compromised."
    level = Level.SECURITY if lost or compromised else Level.INFORMATION
    data: Json = {
        "holder": rotation.holder,
        "overlapDays": rotation.overlap_days,
        "again": rotation.again,
    }
    if compromised:
        data["compromised"] = True
    this.log(level, EventType.ROTATION_OPENED, message, rotation, data=data)


def _supersede_candidate(this: Change, rotation: Rotation) -> None:
    rotations.set_state(this.connection, rotation.id, RotationState.SUPERSEDED)
    message = f"Candidate key {rotation.new_key_id} of key {rotation.old_key_id} was superseded."
    this.log(Level.INFORMATION, EventType.ROTATION_SUPERSEDED, message, rotation)
    this.revoke_candidate(rotation, "superseded")


def _insert(
    this: Change, rotation_id: UUID, request: RotationRequest, expires_at_utc: datetime | None
) -> None:
    new = keys.NewKey(
        public_id=request.public_id,
        sha256=request.key_sha256,
        owner_id=this.key.owner_id,
        name=this.key.name,
        created_at_utc=this.now,
        expires_at_utc=expires_at_utc,
        rotated_from_key_id=this.key.id,
        policy=keys.own_policy(this.key),
        trust_id=this.key.trust_id,
    )
    try:
        new_key_id = keys.add(this.connection, new)
        rotations.add(this.connection, _new_rotation(this, rotation_id, new_key_id, request))
    except (keys.KeyExistsError, rotations.RotationExistsError):
        raise refusals.key_collision() from None


def _new_rotation(
    this: Change, rotation_id: UUID, new_key_id: int, request: RotationRequest
) -> rotations.NewRotation:
    return rotations.NewRotation(
        id=rotation_id,
        old_key_id=this.key.id,
        new_key_id=new_key_id,
        overlap_days=request.overlap_days,
        auto_revoke=request.auto_revoke,
        again=request.again,
        holder=request.holder,
        opened_at_utc=this.now,
        lease_until_utc=this.now + LEASE,
        overlap_end_utc=this.now + timedelta(days=request.overlap_days),
    )
