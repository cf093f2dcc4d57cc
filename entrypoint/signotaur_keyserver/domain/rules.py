"""The decisions of a rotation as pure functions of records, request and ``now``.

Nothing here reads a clock or a database. Each rule's reason is given where it is decided.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from signotaur_keyserver.domain import policy, refusals
from signotaur_keyserver.domain.key_authorization import LIVE, KeyCall, is_party
from signotaur_keyserver.domain.records import Key, Rotation
from signotaur_wire.limits import MAX_CANDIDATES
from signotaur_wire.messages import KeyState, RotationRequest


def require_alive(key: Key, now: datetime) -> None:
    """Raise RefusedError unless the key may be used now."""
    state = key.state(now)
    if state not in LIVE:
        raise refusals.dead_key(state, key.id)


def is_alive(key: Key, now: datetime) -> bool:
    """Return whether the key may be used now."""
    return key.state(now) in LIVE


def require_allowed_overlap(key: Key, request: RotationRequest) -> None:
    """Raise RefusedError unless the overlap of a new rotation is within the key's limits.

    A limit must not keep a key alive that leaked.
    """
    if request.overlap_days or not request.compromised:
        policy.require_overlap(key, request.overlap_days)


def require_free_lease(rotations: Sequence[Rotation], holder: str, now: datetime) -> None:
    """Raise RefusedError while someone else owns a live lease on any of one old key's rotations.

    Two runs that write the same destinations at once are the one way to lose a key that no later
    run can repair.
    """
    for rotation in rotations:
        if rotation.leased_to_another(holder, now):
            raise refusals.rotation_open(rotation, now)


def require_repeat(rotation: Rotation, key: Key, request: RotationRequest) -> None:
    """Raise RefusedError unless one of the rotation's keys repeats the request that opened it.

    The holder is not compared: another run may continue what a dead one began.
    """
    same = (
        is_party(KeyCall.PUT_ROTATION, rotation, key.id)
        and rotation.new_public_id == request.public_id
        and rotation.new_sha256 == request.key_sha256
        and rotation.overlap_days == request.overlap_days
        and rotation.auto_revoke == request.auto_revoke
        and rotation.again == request.again
    )
    if not same:
        raise refusals.other_request()


def lost_successors(rotations: Sequence[Rotation], request: RotationRequest) -> list[Rotation]:
    """Return the confirmed rotations whose successors the request replaces, because they are lost.

    The client says so (``again``), and nothing shows the opposite: a successor that was used since
    its confirmation is in somebody's hands. A thief of the old key could otherwise end the key that
    its owner rotated to. Raises RefusedError when there is a successor that is not lost.
    """
    confirmed = [r for r in rotations if r.is_confirmed]
    if confirmed and not request.again:
        raise refusals.already_rotated(confirmed[-1])
    for rotation in confirmed:
        if rotation.new_key_is_in_use:
            raise refusals.successor_in_use(rotation)
    return confirmed


def successor_expiry(key: Key, lost: Sequence[Rotation], now: datetime) -> datetime | None:
    """Return when a new key expires; None for never.

    It lives as long as the old key was made to live and the server's policy allows, but never
    beyond a successor that it replaces: declaring keys lost must not lengthen anybody's access.
    Nor beyond a key that was made for an ID token: a rotation is no new proof of identity.
    """
    life = policy.successor_life(key)
    full = None if life is None else now + life
    of_token = None if key.trust_id is None else key.expires_at_utc
    limits = [full, of_token, *(rotation.new_expires_at_utc for rotation in lost)]
    return min((limit for limit in limits if limit is not None), default=None)


def require_undelivered(rotation: Rotation, now: datetime) -> None:
    """Raise RefusedError when a candidate may be in a destination: it lives and was used.

    A client uses a key before it delivers it, and at last overwrites the old key with it. If
    the old key could end it then, a thief of the old key would leave its owner without one.
    """
    if rotation.new_first_used_at_utc is not None and not rotation.new_key_is_dead(now):
        raise refusals.candidate_in_use(rotation)


def candidates_to_supersede(rotations: Sequence[Rotation], now: datetime) -> list[Rotation]:
    """Return the candidates that make room for one more, oldest first.

    A candidate that was never used is provably in no destination, because a client uses a key
    before it delivers it; a dead one helps nobody. Raises RefusedError when all others were used.
    ``rotations`` are one old key's, oldest first, none leased to another holder.
    """
    candidates = [r for r in rotations if r.is_unconfirmed]
    surplus = len(candidates) + 1 - MAX_CANDIDATES
    if surplus <= 0:
        return []
    idle = [r for r in candidates if r.new_first_used_at_utc is None or r.new_key_is_dead(now)]
    if len(idle) < surplus:
        raise refusals.too_many_candidates(candidates)
    return idle[:surplus]


def revocation_time(rotation: Rotation, now: datetime) -> datetime:
    """Return when a confirmation given now lets the old key die.

    The announced end counts while it lies ahead. A rotation confirmed after it starts its overlap
    again: nobody can have switched to a key that was not confirmed yet.
    """
    if rotation.overlap_end_utc > now:
        return rotation.overlap_end_utc
    return now + timedelta(days=rotation.overlap_days)


def rivals_revocation_time(rivals: Sequence[Rotation], armed: datetime) -> datetime:
    """Return when the other new keys of an old key die, if a confirmation arms it at ``armed``.

    Never before the overlap end that was announced for a confirmed one: until then its owner
    can show that it is not lost, by using it.
    """
    return max([armed, *(rival.overlap_end_utc for rival in rivals if rival.is_confirmed)])


def earliest(deadline: datetime | None, other: datetime) -> datetime:
    """Return the earlier deadline: an armed one is never lengthened."""
    return other if deadline is None else min(deadline, other)


def require_abortable(rotation: Rotation, now: datetime, *, even_if_used: bool) -> None:
    """Raise RefusedError unless a person may abort the rotation.

    A used candidate may be in a destination, and so may be all that is left there. Only an
    administrator who says so ends it (``even_if_used``).
    """
    if not rotation.is_unconfirmed:
        raise refusals.not_possible(f"The rotation is {rotation.state.value}.")
    if not even_if_used:
        require_undelivered(rotation, now)


def require_overlap(rotation: Rotation, old: Key, now: datetime) -> None:
    """Raise RefusedError unless the rotation is confirmed and its old key still works."""
    if not rotation.is_confirmed:
        raise refusals.not_possible(
            "The rotation is not confirmed, so it has no overlap that could be changed."
        )
    if not is_alive(old, now):
        raise refusals.not_possible("The old key does not work any more: the overlap is over.")


def require_successor(rotation: Rotation, now: datetime) -> None:
    """Raise RefusedError when the new key is dead: without the old key, no key would be left."""
    if rotation.new_key_is_dead(now):
        raise refusals.not_possible(
            "The new key does not work any more, so the old one is the only key that is left. "
            "Rotate it again, or revoke it if nobody needs it."
        )


def days_to_extend(rotation: Rotation, old: Key, now: datetime) -> int:
    """Return by how many days a person may extend an overlap, at least one.

    Once, and to no more than the policy's largest overlap (30 days) after the confirmation. This
    is the one exception of the rule that an armed deadline is never made later: the person sees
    who still uses the old key, while the holder of a key could be its thief. A deadline that came
    from elsewhere is not touched.
    Raises RefusedError when it may not be extended.
    """
    require_overlap(rotation, old, now)
    if rotation.overlap_changed_at_utc is not None:
        raise refusals.not_possible("The overlap was extended before. It can be extended once.")
    if old.revoke_due_utc is None or rotation.confirmed_at_utc is None:
        raise refusals.not_possible(
            "The old key works until somebody revokes it: there is no overlap to extend."
        )
    if old.revoke_due_utc != rotation.overlap_end_utc:
        raise refusals.not_possible("Another rotation decides when the old key is revoked.")
    most = policy.overlap_range(policy.of_key(old))[1]
    latest = rotation.confirmed_at_utc + timedelta(days=most)
    days = (latest - rotation.overlap_end_utc).days
    if days < 1:
        raise refusals.not_possible(f"The overlap has {most} days already. It cannot be longer.")
    return days


def extension_days(rotation: Rotation, old: Key, now: datetime) -> int:
    """Return by how many days a person may extend an overlap; 0 when not at all."""
    try:
        return days_to_extend(rotation, old, now)
    except refusals.RefusedError:
        return 0


def require_regenerable(key: Key, rotations: Sequence[Rotation], now: datetime) -> None:
    """Raise RefusedError unless a person may replace the key at once.

    ``rotations`` are those of which it is the old key. A key that has a successor, or is not
    confirmed itself, would leave two keys where one is meant.
    """
    state = key.state(now)
    if state in (KeyState.REVOKED, KeyState.DISABLED):
        raise refusals.not_possible(f"The key is {state.value}. Create a new one.")
    if key.is_unconfirmed:
        raise refusals.not_possible(
            "The rotation that made this key is not confirmed. Confirm it, or abort it, first."
        )
    if any(rotation.is_confirmed for rotation in rotations):
        raise refusals.not_possible(
            "The key was rotated. Use its successor, and end the overlap to revoke this key."
        )
