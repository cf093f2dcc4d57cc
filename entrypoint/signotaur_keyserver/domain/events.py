"""What the event log records: levels, types and the event itself. Pure, and free of secrets."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from signotaur_wire.members import Json


class Level(StrEnum):
    """How much an event matters."""

    INFORMATION = "Information"
    WARNING = "Warning"
    ERROR = "Error"
    SECURITY = "Security"


class EventType(StrEnum):
    """Stable slugs that scripts may search for."""

    USER_ADDED = "user-added"
    USER_DISABLED = "user-disabled"
    USER_ENABLED = "user-enabled"
    KEY_ADDED = "key-added"
    KEY_DISABLED = "key-disabled"
    KEY_ENABLED = "key-enabled"
    KEY_REVOKED = "key-revoked"
    KEY_RETIRING = "key-retiring"
    """A deadline was armed on a key that is neither the old nor the new one of the rotation."""
    CANDIDATE_FIRST_USED = "candidate-first-used"
    SUCCESSOR_FIRST_USED = "successor-first-used"
    """A key was used for the first time since its rotation was confirmed: it is not lost."""
    OLD_KEY_USED = "old-key-used"
    """The old key of a confirmed rotation was used: somebody has not changed to the new one."""
    ROTATION_OPENED = "rotation-opened"
    ROTATION_TAKEN_OVER = "rotation-taken-over"
    ROTATION_CONFIRMED = "rotation-confirmed"
    ROTATION_ABORTED = "rotation-aborted"
    ROTATION_SUPERSEDED = "rotation-superseded"
    ROTATION_HELD = "rotation-held"
    REQUEST_REFUSED = "request-refused"
    CERTIFICATE_ADDED = "certificate-added"
    CERTIFICATE_REMOVED = "certificate-removed"
    CERTIFICATE_ACCESS_GRANTED = "certificate-access-granted"
    CERTIFICATE_ACCESS_REVOKED = "certificate-access-revoked"
    CERTIFICATE_REFUSED = "certificate-refused"
    """A key asked for a certificate that it does not get."""
    SIGNATURE_MADE = "signature-made"
    SIGNATURE_REFUSED = "signature-refused"
    EVENTS_PRUNED = "events-pruned"
    """The oldest events were deleted, because their retention is over."""


@dataclass(frozen=True)
class Event:
    """One entry of the log; its time is given by the transaction that writes it."""

    level: Level
    type: EventType
    message: str
    user_id: int | None = None
    key_id: int | None = None
    rotation_id: UUID | None = None
    source: str | None = None
    """Address that the request came from; None for the command line and the sweep."""
    data: Json = field(default_factory=dict)
