"""The bodies of the key API as frozen dataclasses, each with ``to_json`` and ``from_json``.

Member names are camelCase, times are UTC ISO 8601 with ``Z`` in whole seconds. Nothing here
contains a key: the client sends its public id and its SHA-256, and answers have no secret.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from signotaur_wire.keyformat import PUBLIC_ID_PATTERN, SHA256_PATTERN
from signotaur_wire.limits import DESTINATIONS_MAX, HOLDER_MAX_LENGTH
from signotaur_wire.members import Json, Members, WireError, format_optional_time, format_time

S = TypeVar("S", bound=StrEnum)

DESTINATION_KIND_PATTERN = r"[a-z][a-z0-9-]{0,39}"


class KeyState(StrEnum):
    """What a key is now. A key that could authenticate is ACTIVE or CANDIDATE."""

    ACTIVE = "active"
    CANDIDATE = "candidate"
    """The new key of a rotation that is not confirmed yet: it works, and arms nothing."""
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


class RotationState(StrEnum):
    """The state of a rotation."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    HELD = "held"
    """Not confirmed before its overlap ended: nothing is revoked, and a person is warned."""
    ABORTED = "aborted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class RotationRequest:
    """Body of ``PUT /rotations/{uuid}``: the same body may be sent again at any time."""

    public_id: str
    key_sha256: str
    overlap_days: int
    auto_revoke: bool
    holder: str
    """Who asks, shown to others while the lease lasts (1 to 200 printable characters)."""
    again: bool = False
    """Rotate although a confirmed successor exists, because that successor was lost. Refused when
    the successor was used since its confirmation."""
    compromised: bool = False
    """The old key leaked. Sent only if it did; a server that does not know it ignores it. It
    changes the event alone, and allows an overlap of 0 whatever the server's policy says."""

    def to_json(self) -> Json:
        """Return the body as a JSON object."""
        body: Json = {
            "publicId": self.public_id,
            "keySha256": self.key_sha256,
            "overlapDays": self.overlap_days,
            "autoRevoke": self.auto_revoke,
            "holder": self.holder,
            "again": self.again,
        }
        return body | {"compromised": True} if self.compromised else body

    @classmethod
    def from_json(cls, value: object) -> "RotationRequest":
        """Read a received body. Raises WireError. Does not check whether the overlap is allowed."""
        members = Members(value)
        request = cls(
            public_id=members.text("publicId"),
            key_sha256=members.text("keySha256"),
            overlap_days=members.integer("overlapDays"),
            auto_revoke=members.boolean("autoRevoke"),
            holder=members.text("holder"),
            again=members.optional_boolean("again") or False,
            compromised=members.optional_boolean("compromised") or False,
        )
        if not re.fullmatch(PUBLIC_ID_PATTERN, request.public_id):
            raise WireError("publicId is not 15 letters and digits")
        if not re.fullmatch(SHA256_PATTERN, request.key_sha256):
            raise WireError("keySha256 is not 64 lower-case hexadecimal digits")
        if not (0 < len(request.holder) <= HOLDER_MAX_LENGTH and request.holder.isprintable()):
            raise WireError(f"holder is not 1 to {HOLDER_MAX_LENGTH} printable characters")
        return request


class DeliveryOutcome(StrEnum):
    """How a destination got the new key, before the rotation was confirmed."""

    DELIVERED = "delivered"
    HELD = "held"
    """It had the key already, from an earlier run of the same rotation."""


@dataclass(frozen=True)
class DestinationOutcome:
    """One destination of a rotation. Its name is not told: a path or an address may be private."""

    kind: str
    """As ``--emit-secret`` names it."""
    outcome: DeliveryOutcome

    def to_json(self) -> Json:
        """Return the outcome as a JSON object."""
        return {"kind": self.kind, "outcome": self.outcome.value}


@dataclass(frozen=True)
class ConfirmationRequest:
    """Body of ``PUT /rotations/{uuid}/confirmation``. It may be left out, and so may its member.

    A server that does not know it ignores it.
    """

    destinations: tuple[DestinationOutcome, ...] | None = None
    """In order of delivery; None: the client does not tell."""

    def to_json(self) -> Json:
        """Return the body as a JSON object."""
        if self.destinations is None:
            return {}
        return {"destinations": [each.to_json() for each in self.destinations]}

    @classmethod
    def from_json(cls, value: object) -> "ConfirmationRequest":
        """Read a received body. Raises WireError."""
        told = Members(value).optional_objects("destinations")
        if told is None:
            return cls()
        if len(told) > DESTINATIONS_MAX:
            raise WireError(f"destinations has more than {DESTINATIONS_MAX} members")
        return cls(tuple(_destination(each) for each in told))


@dataclass(frozen=True)
class RotationDescription:
    """A rotation as the server describes it to the owner of its old or its new key."""

    id: UUID
    state: RotationState
    old_key_id: int
    new_key_id: int
    new_key_name: str
    new_key_expires_at: datetime | None
    overlap_days: int
    auto_revoke: bool
    again: bool
    holder: str
    opened_at: datetime
    lease_until: datetime
    overlap_end: datetime
    """The end of the overlap. What was announced at opening, until a late confirmation moves it."""
    confirmed_at: datetime | None
    auto_revoke_old_key_utc: datetime | None
    """When the old key dies; None until the rotation is confirmed, and without auto-revocation."""
    server_time: datetime

    def to_json(self) -> Json:
        """Return the description as a JSON object."""
        return {
            "id": str(self.id),
            "state": self.state.value,
            "oldKeyId": self.old_key_id,
            "newKeyId": self.new_key_id,
            "newKeyName": self.new_key_name,
            "newKeyExpiresAt": format_optional_time(self.new_key_expires_at),
            "overlapDays": self.overlap_days,
            "autoRevoke": self.auto_revoke,
            "again": self.again,
            "holder": self.holder,
            "openedAt": format_time(self.opened_at),
            "leaseUntil": format_time(self.lease_until),
            "overlapEnd": format_time(self.overlap_end),
            "confirmedAt": format_optional_time(self.confirmed_at),
            "autoRevokeOldKeyUtc": format_optional_time(self.auto_revoke_old_key_utc),
            "serverTime": format_time(self.server_time),
        }

    @classmethod
    def from_json(cls, value: object) -> "RotationDescription":
        """Read a received description. Raises WireError."""
        return cls.from_members(Members(value))

    @classmethod
    def from_members(cls, members: Members) -> "RotationDescription":
        """Read a description out of an object's members. Raises WireError."""
        return cls(
            id=members.uuid("id"),
            state=_state(RotationState, members.text("state")),
            old_key_id=members.integer("oldKeyId"),
            new_key_id=members.integer("newKeyId"),
            new_key_name=members.text("newKeyName"),
            new_key_expires_at=members.optional_time("newKeyExpiresAt"),
            overlap_days=members.integer("overlapDays"),
            auto_revoke=members.boolean("autoRevoke"),
            again=members.boolean("again"),
            holder=members.text("holder"),
            opened_at=members.time("openedAt"),
            lease_until=members.time("leaseUntil"),
            overlap_end=members.time("overlapEnd"),
            confirmed_at=members.optional_time("confirmedAt"),
            auto_revoke_old_key_utc=members.optional_time("autoRevokeOldKeyUtc"),
            server_time=members.time("serverTime"),
        )


@dataclass(frozen=True)
class KeyDescription:
    """Answer of ``GET /keys/self``: the key of the request, as the server describes it."""

    id: int
    public_id: str
    name: str
    owner: str
    roles: tuple[str, ...]
    state: KeyState
    created_at: datetime
    expires_at: datetime | None
    revokes_at: datetime | None
    """When a confirmed rotation of this key revokes it; None while nothing is armed."""
    rotated_from_key_id: int | None
    rotation_timestamp_utc: datetime | None
    auto_revoke_old_key_utc: datetime | None
    rotation: RotationDescription | None
    """The rotation this key takes part in: of a candidate, its own; else the open or held one,
    else the confirmed one that gave it its successor."""
    server_time: datetime

    def to_json(self) -> Json:
        """Return the description as a JSON object."""
        return {
            "id": self.id,
            "publicId": self.public_id,
            "name": self.name,
            "owner": self.owner,
            "roles": list(self.roles),
            "state": self.state.value,
            "createdAt": format_time(self.created_at),
            "expiresAt": format_optional_time(self.expires_at),
            "revokesAt": format_optional_time(self.revokes_at),
            "rotatedFromKeyId": self.rotated_from_key_id,
            "rotationTimestampUtc": format_optional_time(self.rotation_timestamp_utc),
            "autoRevokeOldKeyUtc": format_optional_time(self.auto_revoke_old_key_utc),
            "rotation": None if self.rotation is None else self.rotation.to_json(),
            "serverTime": format_time(self.server_time),
        }

    @classmethod
    def from_json(cls, value: object) -> "KeyDescription":
        """Read a received description. Raises WireError."""
        members = Members(value)
        rotation = members.optional_object("rotation")
        return cls(
            id=members.integer("id"),
            public_id=members.text("publicId"),
            name=members.text("name"),
            owner=members.text("owner"),
            roles=members.texts("roles"),
            state=_state(KeyState, members.text("state")),
            created_at=members.time("createdAt"),
            expires_at=members.optional_time("expiresAt"),
            revokes_at=members.optional_time("revokesAt"),
            rotated_from_key_id=members.optional_integer("rotatedFromKeyId"),
            rotation_timestamp_utc=members.optional_time("rotationTimestampUtc"),
            auto_revoke_old_key_utc=members.optional_time("autoRevokeOldKeyUtc"),
            rotation=None if rotation is None else RotationDescription.from_members(rotation),
            server_time=members.time("serverTime"),
        )


def _destination(members: Members) -> DestinationOutcome:
    kind = members.text("kind")
    if not re.fullmatch(DESTINATION_KIND_PATTERN, kind):
        raise WireError("kind is not that of a destination")
    try:
        return DestinationOutcome(kind, DeliveryOutcome(members.text("outcome")))
    except ValueError:
        raise WireError("outcome is not one of the protocol") from None


def _state(states: type[S], text: str) -> S:
    try:
        return states(text)
    except ValueError:
        raise WireError("state is not a state of the protocol") from None
