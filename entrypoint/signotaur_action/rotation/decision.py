"""Step 2 as pure functions: what a run does with its key and with the journal it found."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from signotaur_action.errors import (
    CHECK_SERVER,
    AlreadyRotatedError,
    ServerError,
    SignotaurError,
    UnauthorizedError,
)
from signotaur_action.model import JournalEntry, KeyInfo, Rotation, Secret
from signotaur_action.policy.durations import is_due
from signotaur_action.rotation.outcomes import NotDue, RotationPlan
from signotaur_wire.messages import RotationState
from signotaur_wire.roles import ROTATOR

_REPORT_WITHIN = timedelta(days=1)
"""A confirmed rotation that was interrupted before its report is reported to a run with the new key
within this time only; later, the same command rotates that key."""


@dataclass(frozen=True)
class Start:
    """Open a new rotation of the key."""


@dataclass(frozen=True)
class Adopt:
    """Finish the rotation whose unconfirmed candidate the run was started with."""

    rotation: Rotation


@dataclass(frozen=True)
class Refuse:
    """Change nothing, and raise the error."""

    error: SignotaurError


KeyDecision = NotDue | Start | Adopt | Refuse


def decide_for_key(info: KeyInfo | None, plan: RotationPlan) -> KeyDecision:
    """Return what a run without a journal does with its key.

    A service that cannot describe keys decides the rest when it is asked for the rotation.
    """
    if info is None:
        return Start()
    if info.is_candidate:
        return _decide_for_candidate(info)
    if plan.window is not None and not is_due(info.ends_at, info.server_time, plan.window):
        return NotDue(info, plan.window)
    if not info.may_rotate:
        return Refuse(
            UnauthorizedError(
                f"The owner of this key, {info.owner}, lacks the role {ROTATOR}.",
                next_step="Ask an administrator to give the role to the key's owner.",
            )
        )
    rotation = info.rotation
    if rotation is not None and rotation.state is RotationState.CONFIRMED and not plan.again:
        return Refuse(AlreadyRotatedError(rotation.new_key_id))
    return Start()


def _decide_for_candidate(info: KeyInfo) -> Adopt | Refuse:
    if info.rotation is None:
        return Refuse(
            ServerError(
                "The server says that this key is a candidate, but does not name its rotation.",
                next_step=CHECK_SERVER,
            )
        )
    return Adopt(info.rotation)


@dataclass(frozen=True)
class RepeatRequest:
    """Ask with the old key for the journal's rotation again: at most that one is opened."""


@dataclass(frozen=True)
class TakeLease:
    """Take the lease of the journal's open rotation, and finish it."""

    candidate: Secret


@dataclass(frozen=True)
class ReportAgain:
    """Report the journal's confirmed rotation, if its key was not rotated since."""

    rotation: Rotation
    candidate: Secret


@dataclass(frozen=True)
class Discard:
    """Forget the journal: its rotation has ended, or was never opened."""


JournalDecision = RepeatRequest | TakeLease | ReportAgain | Discard


def decide_for_journal(
    entry: JournalEntry, rotation: Rotation | None, key: Secret, plan: RotationPlan
) -> JournalDecision:
    """Return what a run that was started with ``key`` does with the journal it found.

    ``rotation`` is what the server says to the journal's candidate: None when the rotation was
    never opened or has ended, or when no candidate is known.
    """
    candidate = entry.candidate
    if candidate is None and plan.again and not entry.intent.again:
        return Discard()  # the user says that the key which the service made is lost
    if rotation is None or candidate is None:
        # The old key can find out which by repeating its request. A dead candidate cannot.
        return Discard() if key == candidate else RepeatRequest()
    if rotation.is_unconfirmed:
        return TakeLease(candidate)
    if rotation.confirmed_at is None or (plan.again and not rotation.again):
        return Discard()
    if key == candidate and not _is_reported_again(rotation.confirmed_at, rotation, plan):
        return Discard()
    return ReportAgain(rotation, candidate)


def _is_reported_again(confirmed_at: datetime, rotation: Rotation, plan: RotationPlan) -> bool:
    """Return whether a run with the new key reports its rotation, and does not rotate it.

    A run with the old key always reports: that key is not rotated once more, and the journal may
    have the only copy of the new one.
    """
    return not plan.compromised and rotation.server_time - confirmed_at <= _REPORT_WITHIN
