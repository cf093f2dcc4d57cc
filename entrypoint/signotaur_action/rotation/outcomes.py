"""The plan of a rotation and its possible outcomes. Outcomes are values, not log lines."""

from dataclasses import dataclass
from datetime import timedelta

from signotaur_action.model import KeyInfo, Rotation, Secret

Results = tuple[tuple[str, str], ...]
"""Each destination by name, in order of delivery, and what became of it."""

DELIVERED = "delivered"
FAILED = "failed"
HELD = "had the key already"
WAITING = "skipped until the other destinations have the key"


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
    defer: bool = False
    """Leave the confirmation to ``confirm-rotation``, when others have stored the key."""
    compromised: bool = False
    """Tell the server that the old key leaked."""


@dataclass(frozen=True)
class NotDue:
    """Nothing was rotated, because the key does not end within the window."""

    key: KeyInfo | None
    """None where the service cannot describe keys."""
    window: timedelta


@dataclass(frozen=True)
class WouldRotate:
    """The answer of a dry run: everything was checked, nothing was changed."""

    key: KeyInfo | None
    """None where the service cannot describe keys."""
    continues: bool
    """Whether an interrupted rotation would be finished instead of a new one begun."""


@dataclass(frozen=True)
class Rotated:
    """The key was rotated, delivered everywhere and, unless that was deferred, confirmed."""

    rotation: Rotation
    key: Secret
    results: Results
    durable: bool
    """Whether any destination outlives the job."""

    @property
    def destinations(self) -> tuple[str, ...]:
        """The names of the destinations, in order of delivery."""
        return tuple(name for name, _ in self.results)


@dataclass(frozen=True)
class Confirmed:
    """What there was to confirm of a key's rotation."""

    key: KeyInfo
    rotation: Rotation | None
    """The rotation now; None if the server reports no open one."""
    already: bool
    """Whether it was confirmed before."""

    @property
    def old_key_id(self) -> int | None:
        """The key that this one replaces, if it replaces any."""
        return self.key.replaces if self.rotation is None else self.rotation.old_key_id

    @property
    def new_key_id(self) -> int:
        """The key to use."""
        return self.key.id if self.rotation is None else self.rotation.new_key_id

    @property
    def confirmed(self) -> bool:
        """Whether there is a rotation, and it is confirmed now."""
        return self.already or self.rotation is not None


Outcome = NotDue | WouldRotate | Rotated
