"""Every way in which the server says no, each said once: slug, status, words and members.

Pure. No text here ever contains what the client sent: neither a key nor any other value.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil

from signotaur_keyserver.domain.events import Level
from signotaur_keyserver.domain.records import Rotation
from signotaur_wire.limits import LEASE, MAX_CANDIDATES
from signotaur_wire.members import Json, format_optional_time, format_time
from signotaur_wire.messages import KeyState, RotationState
from signotaur_wire.problems import Problem
from signotaur_wire.roles import ROTATOR


class RefusedError(Exception):
    """The request is answered with a problem; the transaction it was raised in is rolled back."""

    def __init__(
        self,
        problem: Problem,
        status: int,
        detail: str,
        *,
        members: Json | None = None,
        retry_after: int | None = None,
        key_id: int | None = None,
        level: Level | None = None,
        data: Json | None = None,
    ) -> None:
        super().__init__(f"{status} {problem.value}")
        self.problem = problem
        self.status = status
        self.detail = detail
        self.members = members or {}
        self.retry_after = retry_after
        """Seconds after which the same request may succeed."""
        self.key_id = key_id
        """The key that was used, when its holder proved to have it."""
        self.level = level
        """Level of the refusal's event, where it is not the usual one of its problem."""
        self.data = data or {}
        """What the event tells besides. The client does not get it."""


def unknown_key() -> RefusedError:
    """Refuse an unknown key: the one answer for every cause that an attacker could probe."""
    return RefusedError(
        Problem.UNKNOWN_KEY, 401, "The request has no key, or this server does not know the key."
    )


_DEAD = {
    KeyState.REVOKED: (Problem.KEY_REVOKED, "This key is revoked."),
    KeyState.EXPIRED: (Problem.KEY_EXPIRED, "This key has expired."),
    KeyState.DISABLED: (Problem.KEY_DISABLED, "This key or its owner is disabled."),
}


def dead_key(state: KeyState, key_id: int) -> RefusedError:
    """Refuse the proven holder of a key that is revoked, expired or disabled."""
    problem, detail = _DEAD[state]
    return RefusedError(problem, 401, detail, key_id=key_id)


def role_required() -> RefusedError:
    """Refuse a rotation by an owner without the role."""
    return RefusedError(Problem.ROLE_REQUIRED, 403, f"The key's owner lacks the role {ROTATOR}.")


def invalid_overlap(low: int, high: int) -> RefusedError:
    """Refuse an overlap outside the limits, in days."""
    return RefusedError(
        Problem.INVALID_OVERLAP,
        422,
        f"The overlap must be from {low} to {high} days.",
        members={"overlapDaysMin": low, "overlapDaysMax": high},
    )


def network_denied(key_id: int) -> RefusedError:
    """Refuse the proven holder of a key that comes from a network which is not the key's."""
    detail = "This key cannot be used from this network."
    return RefusedError(Problem.NETWORK_DENIED, 403, detail, key_id=key_id)


def purpose_denied(purpose: str, key_id: int) -> RefusedError:
    """Refuse what a key of this purpose may not do."""
    detail = f"This key can only be used to {purpose}."
    members: Json = {"purpose": purpose}
    return RefusedError(Problem.PURPOSE_DENIED, 403, detail, members=members, key_id=key_id)


def signing_budget_spent(key_id: int, wait: float) -> RefusedError:
    """Refuse a signature above the number of an hour; ``wait`` is in seconds."""
    return RefusedError(
        Problem.SIGNING_BUDGET_SPENT,
        429,
        "This key has made all signatures that its policy allows in an hour.",
        retry_after=max(1, ceil(wait)),
        key_id=key_id,
    )


def other_request() -> RefusedError:
    """Refuse an id that is known with another body or for another key, without saying which."""
    return RefusedError(
        Problem.ROTATION_MISMATCH,
        422,
        "This id was used for a different request. Generate a new id.",
    )


def key_collision() -> RefusedError:
    """Refuse a new key whose public id or digest is already known."""
    return RefusedError(
        Problem.ROTATION_MISMATCH, 409, "This key already exists. Generate a new key."
    )


def wrong_key(needed: str) -> RefusedError:
    """Refuse a step that belongs to the other key of the rotation (``needed``: new or old)."""
    return RefusedError(
        Problem.ROTATION_MISMATCH, 409, f"Only the rotation's {needed} key can do this."
    )


def not_confirmable(state: RotationState) -> RefusedError:
    """Refuse to confirm what was aborted or superseded."""
    return RefusedError(
        Problem.ROTATION_MISMATCH,
        409,
        f"The rotation is {state.value}: it can no longer be confirmed.",
        members={"state": state.value},
    )


def unknown_rotation() -> RefusedError:
    """Refuse to tell of a rotation that is not this key's to see, or that does not exist."""
    return RefusedError(Problem.UNKNOWN_ROTATION, 404, "This key has no such rotation.")


def rotation_open(rotation: Rotation, now: datetime) -> RefusedError:
    """Refuse while someone else owns the lease."""
    return _open(rotation, now, "Another run is rotating this key now.")


def candidate_unconfirmed(rotation: Rotation, now: datetime) -> RefusedError:
    """Refuse to rotate a key whose own rotation is not confirmed yet."""
    return _open(
        rotation, now, "This key is a candidate: its own rotation must be confirmed first."
    )


def _open(rotation: Rotation, now: datetime, detail: str) -> RefusedError:
    # A lease that was given by a clock which ran ahead is shortened when this is refused.
    lease_until = min(rotation.lease_until_utc, now + LEASE)
    return RefusedError(
        Problem.ROTATION_OPEN,
        409,
        detail,
        members={
            "holder": rotation.holder,
            "openedAt": format_time(rotation.opened_at_utc),
            "leaseUntil": format_time(lease_until),
        },
        retry_after=max(1, ceil((lease_until - now).total_seconds())),
    )


def already_rotated(confirmed: Rotation) -> RefusedError:
    """Refuse what a confirmed successor forbids."""
    return _already_rotated(
        confirmed, "This key was rotated and the rotation was confirmed: use its successor."
    )


def successor_in_use(confirmed: Rotation) -> RefusedError:
    """Refuse to replace a successor as lost although it was used since its confirmation."""
    return _already_rotated(
        confirmed,
        "The successor of this key is in use, so it is not lost. Use it, or ask an administrator "
        "to revoke it.",
        Level.SECURITY,
    )


def _already_rotated(confirmed: Rotation, detail: str, level: Level | None = None) -> RefusedError:
    members: Json = {
        "successorKeyId": confirmed.new_key_id,
        "confirmedAt": format_optional_time(confirmed.confirmed_at_utc),
    }
    if confirmed.new_key_is_in_use:
        members["successorInUseSince"] = format_optional_time(confirmed.new_in_use_since_utc)
    return RefusedError(Problem.ALREADY_ROTATED, 409, detail, members=members, level=level)


def candidate_in_use(rotation: Rotation) -> RefusedError:
    """Refuse to abort a rotation whose new key may be in a destination."""
    return RefusedError(
        Problem.ROTATION_MISMATCH,
        409,
        "The new key of this rotation was used, so it may be stored already. Confirm it, or ask "
        "an administrator to revoke it.",
        members={"state": rotation.state.value},
    )


def too_many_candidates(candidates: Sequence[Rotation]) -> RefusedError:
    """Refuse a further candidate when every present one may be in use somewhere."""
    return RefusedError(
        Problem.TOO_MANY_CANDIDATES,
        409,
        f"{MAX_CANDIDATES} candidates of this key are in use: confirm one, or ask an "
        "administrator to revoke one.",
        members={"candidateKeyIds": [candidate.new_key_id for candidate in candidates]},
    )


def malformed(status: int, detail: str, fields: Sequence[str] = ()) -> RefusedError:
    """Refuse a request that is not of the protocol; ``fields`` are names, never values."""
    return RefusedError(Problem.MALFORMED_REQUEST, status, detail, members={"fields": list(fields)})


def rate_limited(detail: str, wait: float) -> RefusedError:
    """Refuse a client that sends too many requests; ``wait`` is in seconds, until the next one."""
    return RefusedError(Problem.RATE_LIMITED, 429, detail, retry_after=max(1, ceil(wait)))


def invalid_grant(detail: str, data: Json) -> RefusedError:
    """Refuse an ID token; ``data`` is for the event, with the claims of a token that is genuine."""
    members: Json = {"error": "invalid_grant"}
    return RefusedError(Problem.INVALID_GRANT, 400, detail, members=members, data=data)


def issuer_unavailable(wait: int, data: Json) -> RefusedError:
    """Refuse while the keys of an issuer cannot be fetched; ``wait`` is in seconds."""
    detail = "The keys of the token's issuer cannot be fetched now."
    level = Level.WARNING
    return RefusedError(Problem.UNAVAILABLE, 503, detail, retry_after=wait, level=level, data=data)


def no_leaks() -> RefusedError:
    """Refuse reports of leaked keys where the operator gave no keys to check them with."""
    return RefusedError(Problem.NOT_FOUND, 404, "This server takes no reports of leaked keys.")


def sign_in_required() -> RefusedError:
    """Refuse a request without a sign-in."""
    return RefusedError(
        Problem.SIGN_IN_REQUIRED, 401, "Sign in first. An API key cannot be used here."
    )


def sign_in_refused() -> RefusedError:
    """Refuse a sign-in: the one answer for every cause that an attacker could probe."""
    return RefusedError(
        Problem.SIGN_IN_REFUSED, 401, "The name or the password is wrong, or the user is disabled."
    )


def not_allowed(detail: str = "You are not allowed to do this.") -> RefusedError:
    """Refuse a person who signed in, or a form that another site sent."""
    return RefusedError(Problem.NOT_ALLOWED, 403, detail)


def not_possible(detail: str) -> RefusedError:
    """Refuse a person what the present state of a key or a rotation does not allow."""
    return RefusedError(Problem.NOT_POSSIBLE, 409, detail)


def not_found() -> RefusedError:
    """Refuse a path that names nothing, or nothing that this person may see."""
    return RefusedError(Problem.NOT_FOUND, 404, "This does not exist, or you may not see it.")


def invalid_fields(faults: Mapping[str, str]) -> RefusedError:
    """Refuse values: ``faults`` says what is wrong with each field, without its value."""
    refused = malformed(422, "Some fields are not valid.", sorted(faults))
    refused.members["faults"] = dict(faults)
    return refused


def unavailable() -> RefusedError:
    """Refuse while the database cannot be reached or is busy. Nothing was changed."""
    return RefusedError(
        Problem.UNAVAILABLE,
        503,
        "The database is not available. Nothing was changed. Try again in a moment.",
        retry_after=1,
    )
