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
    USER_EDITED = "user-edited"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - no password
    """A user gave itself another password."""
    PASSWORD_RESET = "password-reset"  # noqa: S105
    """Somebody else gave a user a password."""
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"
    SIGN_IN_REFUSED = "sign-in-refused"
    KEY_ADDED = "key-added"
    KEY_DISABLED = "key-disabled"
    KEY_ENABLED = "key-enabled"
    KEY_REVOKED = "key-revoked"
    KEY_REGENERATED = "key-regenerated"
    """A person replaced a key at once, without an overlap."""
    KEY_DELETED = "key-deleted"
    """A dead key is no longer listed."""
    KEY_RETIRING = "key-retiring"
    """A deadline was armed on a key that is neither the old nor the new one of the rotation."""
    CANDIDATE_FIRST_USED = "candidate-first-used"
    SUCCESSOR_FIRST_USED = "successor-first-used"
    """A key was used for the first time since its rotation was confirmed: it is not lost."""
    ROTATION_OPENED = "rotation-opened"
    ROTATION_TAKEN_OVER = "rotation-taken-over"
    ROTATION_CONFIRMED = "rotation-confirmed"
    ROTATION_ABORTED = "rotation-aborted"
    ROTATION_SUPERSEDED = "rotation-superseded"
    ROTATION_HELD = "rotation-held"
    OVERLAP_EXTENDED = "overlap-extended"
    OVERLAP_ENDED = "overlap-ended"
    """A person ended an overlap early; the old key was revoked at once."""
    REQUEST_REFUSED = "request-refused"
    CERTIFICATE_ADDED = "certificate-added"
    CERTIFICATE_REMOVED = "certificate-removed"
    CERTIFICATE_RENAMED = "certificate-renamed"
    CERTIFICATE_DISABLED = "certificate-disabled"
    CERTIFICATE_ENABLED = "certificate-enabled"
    CERTIFICATE_ACCESS_GRANTED = "certificate-access-granted"
    CERTIFICATE_ACCESS_REVOKED = "certificate-access-revoked"
    CERTIFICATE_REFUSED = "certificate-refused"
    """A key asked for a certificate that it does not get."""
    SIGNATURE_MADE = "signature-made"
    SIGNATURE_REFUSED = "signature-refused"
    KEY_EXPIRES_SOON = "key-expires-soon"
    KEY_EXPIRED = "key-expired"
    KEY_LEAKED = "key-leaked"
    """A key was found in a public place."""
    OLD_KEY_USED = "old-key-used"
    """The old key of a rotation was used after the confirmation."""
    WEBHOOK_ADDED = "webhook-added"
    WEBHOOK_REMOVED = "webhook-removed"
    TRUST_ADDED = "trust-added"
    TRUST_REMOVED = "trust-removed"
    TOKEN_EXCHANGED = "token-exchanged"  # noqa: S105
    """An ID token of a CI job became a key."""
    MASTER_KEY_ROTATED = "master-key-rotated"
    POLICY_CHANGED = "policy-changed"
    KEY_POLICY_CHANGED = "key-policy-changed"
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
