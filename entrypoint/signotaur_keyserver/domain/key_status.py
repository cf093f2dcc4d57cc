"""What a key is to a person: one word for its state, and what needs a decision. Pure."""

from datetime import timedelta
from enum import StrEnum

SOON = timedelta(days=14)
"""A key that expires within this time needs a decision."""
IDLE = timedelta(days=90)
"""A key that was not used for so long may not be needed any more."""


class KeyStatus(StrEnum):
    """The state of a key in one word: of several that apply, the one that matters most."""

    ACTIVE = "active"
    OVERLAP = "overlap"
    """It was rotated, and works until the end of the overlap."""
    STALLED = "stalled"
    """A rotation of it, or the one that made it, was not confirmed in time."""
    CANDIDATE = "candidate"
    """The rotation that made it is not confirmed yet."""
    EXPIRES_SOON = "expires-soon"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DISABLED = "disabled"
    """The key or its owner is disabled."""

    @property
    def is_dead(self) -> bool:
        """Whether the key can never be used again."""
        return self in (KeyStatus.EXPIRED, KeyStatus.REVOKED)

    @property
    def is_cleanable(self) -> bool:
        """Whether a clean-up can delete such keys; of disabled ones, those disabled themselves."""
        return self.is_dead or self is KeyStatus.DISABLED


class Concern(StrEnum):
    """What a person should decide about a key."""

    STALLED = "stalled"
    """The rotation that made it was not confirmed: run it again, or abort it."""
    OLD_KEY_IN_USE = "old-key-in-use"
    """It was used after its rotation was confirmed: some destination still has it."""
    EXPIRES_SOON = "expires-soon"
    NEVER_EXPIRES = "never-expires"
    IDLE = "idle"


class Phase(StrEnum):
    """Where a rotation is, to a person."""

    STALLED = "stalled"
    """Not confirmed in time: nothing was revoked."""
    OPEN = "open"
    OVERLAP = "overlap"
    """Confirmed, and the old key still works."""
    OVER = "over"
    """Confirmed and the old key does not work any more, or aborted, or superseded."""
