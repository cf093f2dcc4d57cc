"""Keys and rotations in the words of pages and calls: never a digest, never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from signotaur_keyserver.domain.key_status import Concern, KeyStatus
from signotaur_keyserver.domain.records import Key, Rotation
from signotaur_keyserver.service.key_overview import Link
from signotaur_keyserver.store.key_list import Listed, Use
from signotaur_wire.keyformat import PREFIX
from signotaur_wire.members import Json
from signotaur_wire.messages import RotationState

_HINT_LENGTH = 6
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class KeyView:
    """A key."""

    id: int
    public_id: str
    hint: str
    """The first characters of the key, none of them secret."""
    name: str
    owner_id: int
    owner: str
    state: KeyStatus
    enabled: bool
    created_at: datetime
    expires_at: datetime | None
    revokes_at: datetime | None
    """The end of the overlap."""
    revoked_at: datetime | None
    revoke_reason: str | None
    days_left: int | None
    """Whole days until it expires or is revoked; null: neither, or over."""
    last_used_at: datetime | None
    """At most a minute old; null: not since the server records uses."""
    last_used_network: str | None
    last_used_client: str | None
    rotated_from_key_id: int | None
    deleted: bool


@dataclass(frozen=True)
class DecisionView:
    """How many keys need a decision, and which one."""

    concern: Concern
    keys: int


@dataclass(frozen=True)
class DeletableView:
    """How many keys of a category a clean-up can delete."""

    category: KeyStatus
    keys: int


@dataclass(frozen=True)
class DestinationView:
    """A destination of a rotation: its kind, and how it got the new key, never its name."""

    kind: str
    outcome: str


@dataclass(frozen=True)
class RotationView:
    """A rotation. It is named by its new key, which no other rotation has."""

    id: str
    old_key_id: int
    new_key_id: int
    state: RotationState
    holder: str
    opened_at: datetime
    lease_until: datetime
    confirmed_at: datetime | None
    overlap_end: datetime
    overlap_changed_at: datetime | None
    """When a person changed the end."""
    auto_revoke: bool
    destinations: tuple[DestinationView, ...] | None
    """How each got the new key, as the client reported it; null: it did not."""
    new_key_used: bool
    """Whether the new key was used, so that it may be in a destination."""


@dataclass(frozen=True)
class UseView:
    """From where and by what an old key was used after the confirmation."""

    network: str
    client: str
    first_at: datetime
    last_at: datetime
    uses: int


@dataclass(frozen=True)
class LinkView:
    """A key in its lineage."""

    key: KeyView
    rotation: RotationView | None
    """The one that made the key; null when a person made it."""
    in_overlap: bool
    """Whether that rotation is confirmed and its old key still works."""
    extension_days: int
    """By how many days a person may extend that overlap; 0: not at all."""
    late_uses: tuple[UseView, ...]
    """Who used the key after its rotation was confirmed."""


def key_view(key: Key, status: KeyStatus, now: datetime) -> KeyView:
    """Describe a key at a moment."""
    return KeyView(
        id=key.id,
        public_id=key.public_id,
        hint=f"{PREFIX}{key.public_id[:_HINT_LENGTH]}",
        name=key.name,
        owner_id=key.owner_id,
        owner=key.owner,
        state=status,
        enabled=key.enabled,
        created_at=key.created_at_utc,
        expires_at=key.expires_at_utc,
        revokes_at=key.revoke_due_utc,
        revoked_at=key.revoked_at_utc,
        revoke_reason=key.revoke_reason,
        days_left=None if status.is_dead else _days_left(key, now),
        last_used_at=key.last_used_at_utc,
        last_used_network=key.last_used_network,
        last_used_client=key.last_used_client,
        rotated_from_key_id=key.rotated_from_key_id,
        deleted=key.deleted_at_utc is not None,
    )


def listed_view(listed: Listed, now: datetime) -> KeyView:
    """Describe a key of a list."""
    return key_view(listed.key, listed.status, now)


def rotation_view(rotation: Rotation, now: datetime) -> RotationView:
    """Describe a rotation at a moment."""
    return RotationView(
        id=str(rotation.id),
        old_key_id=rotation.old_key_id,
        new_key_id=rotation.new_key_id,
        state=rotation.state_at(now),
        holder=rotation.holder,
        opened_at=rotation.opened_at_utc,
        lease_until=rotation.lease_until_utc,
        confirmed_at=rotation.confirmed_at_utc,
        overlap_end=rotation.overlap_end_utc,
        overlap_changed_at=rotation.overlap_changed_at_utc,
        auto_revoke=rotation.auto_revoke,
        destinations=_destinations(rotation.destinations),
        new_key_used=rotation.new_first_used_at_utc is not None,
    )


def link_view(link: Link, now: datetime) -> LinkView:
    """Describe a key in its lineage."""
    rotation = None if link.rotation is None else rotation_view(link.rotation, now)
    uses = tuple(_use_view(use) for use in link.late_uses)
    key = key_view(link.key, link.status, now)
    return LinkView(key, rotation, link.in_overlap, link.extension_days, uses)


def _destinations(stored: Sequence[Json] | None) -> tuple[DestinationView, ...] | None:
    if stored is None:
        return None
    return tuple(DestinationView(str(each["kind"]), str(each["outcome"])) for each in stored)


def _use_view(use: Use) -> UseView:
    # The first use is written at once, and counted with others up to a minute later.
    return UseView(use.network, use.client, use.first_at_utc, use.last_at_utc, max(1, use.uses))


def _days_left(key: Key, now: datetime) -> int | None:
    ends = [end for end in (key.expires_at_utc, key.revoke_due_utc) if end is not None]
    return max(0, (min(ends) - now) // _DAY) if ends else None
