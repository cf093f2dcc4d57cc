"""Keys, rotations, users and certificates as the database has them, and what they are then.

Pure: no I/O and no clock. Field names are the column names. Every time is an aware UTC datetime,
and every ``now`` is the database's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from signotaur_wire.members import Json
from signotaur_wire.messages import KeyState, RotationState

UNCONFIRMED = (RotationState.OPEN, RotationState.HELD)
"""States in which a rotation can still be renewed, confirmed or aborted."""

REPLACED = "replaced"
"""Reason of a revocation: an ``again`` rotation said that this successor was lost."""
REVOKED_BY_PERSON = "revoked by a person"
"""Reason of a revocation: an administrator asked for it."""


@dataclass(frozen=True, slots=True)
class User:
    """An owner of keys."""

    id: int
    name: str
    admin: bool
    enabled: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A user as the web pages know it. Its password's hash is only ever read to compare."""

    id: int
    name: str
    admin: bool
    enabled: bool
    created_at_utc: datetime
    has_password: bool
    password_expires_at_utc: datetime | None
    """Set for a temporary password, which must be changed before anything else is done."""
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A person who signed in with a browser or a script."""

    token_sha256: str
    created_at_utc: datetime
    seen_at_utc: datetime
    expires_at_utc: datetime
    address: str | None
    user_agent: str | None
    person: Person


@dataclass(frozen=True, slots=True)
class Key:
    """One key with what its owner and its own rotation add to it."""

    id: int
    public_id: str
    sha256: str
    name: str
    enabled: bool
    created_at_utc: datetime
    expires_at_utc: datetime | None
    rotated_from_key_id: int | None
    rotation_timestamp_utc: datetime | None
    auto_revoke_old_key_utc: datetime | None
    revoke_due_utc: datetime | None
    """The deadline that a confirmed rotation armed; enforced when the key is used."""
    revoked_at_utc: datetime | None
    revoke_reason: str | None
    first_used_at_utc: datetime | None
    in_use_since_utc: datetime | None
    """The first use after the key's own rotation was confirmed; see ``is_unused_successor``."""
    owner_id: int
    owner: str
    owner_enabled: bool
    roles: tuple[str, ...]
    origin: RotationState | None
    """Stored state of the rotation that made this key; None for a key that a person made."""
    rotation_id: UUID | None
    """The rotation that this key takes part in, as ``KeyDescription.rotation`` defines it."""
    last_used_at_utc: datetime | None = None
    """The last use, at most a minute old."""
    last_used_network: str | None = None
    last_used_client: str | None = None
    purpose: str = "any"
    """What the key may do: ``any``, ``rotate`` or ``sign``."""
    networks: list[str] | None = None
    """Networks that the key may come from; None: as the server's policy says, as below."""
    requests_per_minute: int | None = None
    signatures_per_hour: int | None = None
    overlap_days_min: int | None = None
    overlap_days_max: int | None = None
    server_policy: Json | None = None
    """The server's policy; see ``domain.policy``."""
    deleted_at_utc: datetime | None = None
    """A deleted key is dead and no longer listed; lineage and events still refer to it."""
    trust_id: int | None = None
    """Of a key that was made for an ID token, and of its successors: whose tokens it trusts."""

    def state(self, now: datetime) -> KeyState:
        """Return what the key is at a moment; deadlines count whether or not a sweep ran."""
        if self.revoked_at_utc is not None or _reached(self.revoke_due_utc, now):
            return KeyState.REVOKED
        if _reached(self.expires_at_utc, now):
            return KeyState.EXPIRED
        if not (self.enabled and self.owner_enabled):
            return KeyState.DISABLED
        return KeyState.CANDIDATE if self.is_unconfirmed else KeyState.ACTIVE

    @property
    def is_unconfirmed(self) -> bool:
        """Whether the key came out of a rotation that was not confirmed."""
        return self.origin is not None and self.origin is not RotationState.CONFIRMED

    @property
    def is_unused_successor(self) -> bool:
        """Whether the key was confirmed and not used since: it may be lost.

        Every call is a use except those on the key's own rotation. A client repeats these when
        an answer was lost, so they do not show that a destination has the key.
        """
        return self.origin is RotationState.CONFIRMED and self.in_use_since_utc is None

    @property
    def lifetime(self) -> timedelta | None:
        """Return how long the key was made to live; None is for ever."""
        return None if self.expires_at_utc is None else self.expires_at_utc - self.created_at_utc


@dataclass(frozen=True, slots=True)
class Rotation:
    """One rotation, with the facts of its new key that decisions and answers need."""

    id: UUID
    old_key_id: int
    new_key_id: int
    state: RotationState
    """As stored; ask ``state_at`` for what it is."""
    overlap_days: int
    auto_revoke: bool
    again: bool
    holder: str
    opened_at_utc: datetime
    lease_until_utc: datetime
    overlap_end_utc: datetime
    confirmed_at_utc: datetime | None
    overlap_changed_at_utc: datetime | None
    """When a person changed the end of the overlap; at most once."""
    destinations: list[Json] | None
    """How each destination got the new key, if the client told; see ``DestinationOutcome``."""
    new_public_id: str
    new_sha256: str
    new_name: str
    new_expires_at_utc: datetime | None
    new_revoke_due_utc: datetime | None
    new_revoked_at_utc: datetime | None
    new_revoke_reason: str | None
    new_first_used_at_utc: datetime | None
    new_in_use_since_utc: datetime | None
    new_auto_revoke_old_key_utc: datetime | None

    def state_at(self, now: datetime) -> RotationState:
        """Return the state: an open rotation past its overlap and its lease is held."""
        ended = now >= max(self.overlap_end_utc, self.lease_until_utc)
        if self.state is RotationState.OPEN and ended:
            return RotationState.HELD
        return self.state

    @property
    def is_unconfirmed(self) -> bool:
        """Whether the rotation is open or held."""
        return self.state in UNCONFIRMED

    def leased_to_another(self, holder: str, now: datetime) -> bool:
        """Return whether someone else owns a live lease on this unconfirmed rotation."""
        return self.is_unconfirmed and self.lease_until_utc > now and self.holder != holder

    @property
    def is_confirmed(self) -> bool:
        """Whether the new key is a successor."""
        return self.state is RotationState.CONFIRMED

    @property
    def new_key_is_in_use(self) -> bool:
        """Whether the new key was used since its confirmation, so that it is not lost.

        A key that was itself rotated is in use by its successor, also when it is dead. Only an
        administrator who revokes a key that has no successor makes it a lost one.
        """
        given_up = self.new_revoke_reason == REVOKED_BY_PERSON and self.new_revoke_due_utc is None
        return self.new_in_use_since_utc is not None and not given_up

    def new_key_is_dead(self, now: datetime) -> bool:
        """Return whether the new key was revoked or has expired."""
        return (
            self.new_revoked_at_utc is not None
            or _reached(self.new_revoke_due_utc, now)
            or _reached(self.new_expires_at_utc, now)
        )


class CertificateState(StrEnum):
    """What a certificate is at a moment. Only VALID ones sign."""

    VALID = "valid"
    DISABLED = "disabled"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its private key, which is only ever held sealed."""

    id: int
    label: str | None
    """None once it is removed: the label may be given again."""
    subject: str
    """RFC 4514."""
    common_name: str | None
    thumbprint: str
    """SHA-1 of the certificate, upper-case hexadecimal."""
    certificate_der: bytes
    chain_der: bytes | None
    """The issuers' certificates as a PKCS#7 without signature."""
    sealed_key: bytes | None
    not_before_utc: datetime
    not_after_utc: datetime
    added_at_utc: datetime
    removed_at_utc: datetime | None
    alias: str | None = None
    """Another name for this certificate alone; a label may be shared."""
    enabled: bool = True
    """Whether the certificate may be used."""

    def state(self, now: datetime) -> CertificateState:
        """Return what the certificate is at a moment."""
        if self.removed_at_utc is not None:
            return CertificateState.REMOVED
        if not self.enabled:
            return CertificateState.DISABLED
        if now < self.not_before_utc:
            return CertificateState.NOT_YET_VALID
        # The last second belongs to it (RFC 5280, 4.1.2.5).
        ended = now >= self.not_after_utc + timedelta(seconds=1)
        return CertificateState.EXPIRED if ended else CertificateState.VALID


def _reached(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and deadline <= now
