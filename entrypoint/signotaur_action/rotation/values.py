"""What a rotation is asked to do, and what can come of it. Outcomes are values, not log lines."""

from dataclasses import dataclass
from datetime import timedelta

from signotaur_action.model import KeyInfo, Rotation, Secret


@dataclass(frozen=True)
class RotationPlan:
    """What the user asked for."""

    overlap_days: int
    auto_revoke: bool = True
    again: bool = False
    holder: str | None = None
    """The name of this CI run, equal in a re-run of it; None where there is no such name."""
    window: timedelta | None = None
    """Rotate only if the key ends within this time; None: rotate in any case."""


@dataclass(frozen=True)
class NotDue:
    """Nothing was rotated, because the key does not end within the window."""

    key: KeyInfo
    window: timedelta


@dataclass(frozen=True)
class WouldRotate:
    """The answer of a dry run: everything was checked, nothing was changed."""

    key: KeyInfo
    continues: bool
    """Whether a cut rotation would be finished instead of a new one begun."""


@dataclass(frozen=True)
class Rotated:
    """The key was rotated, delivered everywhere and confirmed."""

    rotation: Rotation
    key: Secret
    destinations: tuple[str, ...]
    durable: bool
    """Whether any destination outlives the job."""


Outcome = NotDue | WouldRotate | Rotated
