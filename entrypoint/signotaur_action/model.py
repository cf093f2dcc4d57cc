"""The values that the use cases work with. Frozen data, no input or output."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from uuid import UUID

from signotaur_wire.messages import RotationState
from signotaur_wire.signing import DigestAlgorithm


class Secret:
    """A key that cannot be shown by accident: only ``reveal`` gives the text.

    It has no text form, no format, no JSON form and cannot be pickled; equality compares the
    texts. Keep few of them, and short-lived: Python cannot promise to erase memory.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the key itself, for sinks, masks, the journal and the Authorization header."""
        return self._text

    def fingerprint(self) -> str:
        """Return the hexadecimal SHA-256 of the key: enough to recognise it, useless to use it."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, _spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not serialised")


@dataclass(frozen=True)
class Rotation:
    """A rotation as the key service knows it. Moments are aware UTC; None means unknown or none."""

    id: UUID
    state: RotationState
    old_key_id: int | None
    """None where the service does not name the old key."""
    new_key_id: int
    new_key_name: str
    new_key_expires_at: datetime | None
    overlap_days: int
    auto_revoke: bool
    again: bool
    overlap_end: datetime
    confirmed_at: datetime | None
    server_time: datetime

    @property
    def old_key(self) -> str:
        """The old key, as messages call it."""
        return "the old key" if self.old_key_id is None else f"key {self.old_key_id}"

    @property
    def is_unconfirmed(self) -> bool:
        """Whether the rotation can still be finished."""
        return self.state in (RotationState.OPEN, RotationState.HELD)


@dataclass(frozen=True)
class KeyInfo:
    """What the key service says about a key."""

    id: int
    name: str
    owner: str
    may_rotate: bool
    is_candidate: bool
    """Whether the key is the new one of a rotation that is not confirmed yet."""
    expires_at: datetime | None
    revokes_at: datetime | None
    rotation: Rotation | None
    """The rotation the key takes part in; of a candidate, its own."""
    server_time: datetime
    created_at: datetime | None = None
    """When the key was made, by a person or by a rotation."""
    replaces: int | None = None
    """The key that a rotation made this one of."""

    @property
    def ends_at(self) -> datetime | None:
        """The moment the key stops working: its expiry or its scheduled revocation."""
        moments = [moment for moment in (self.expires_at, self.revokes_at) if moment is not None]
        return min(moments, default=None)


@dataclass(frozen=True)
class RotationIntent:
    """A request to the key service. The same intent may be sent any number of times."""

    id: UUID
    candidate: Secret | None
    """The new key that the client made; None where the server makes it."""
    overlap_days: int
    auto_revoke: bool
    again: bool
    holder: str
    """Who asks, as shown to a run that finds the rotation open."""
    compromised: bool = False
    """Whether the old key leaked."""


@dataclass(frozen=True)
class OpenRotation:
    """The answer to an intent: the rotation, and the new key wherever it was made."""

    rotation: Rotation
    key: Secret


@dataclass(frozen=True)
class JournalEntry:
    """What a run needs to continue a rotation that another run began."""

    server: str
    old_key_fingerprint: str
    """SHA-256 of the old key, or of the candidate if a run started with that."""
    intent: RotationIntent
    delivered: frozenset[str] = frozenset()
    """Names of the destinations that have the candidate."""

    @property
    def candidate(self) -> Secret | None:
        """The new key; None when the server makes it and no answer came."""
        return self.intent.candidate


@dataclass(frozen=True)
class Delivery:
    """What a sink receives: the new key and the facts that templates may show."""

    key: Secret
    key_id: int
    name: str
    expires_at: datetime | None
    overlap_end: datetime
    rotation_id: UUID
    """The same in every run that continues the rotation."""


@dataclass(frozen=True)
class CertificateSelector:
    """Which certificate: by ``thumbprint``, ``label`` or ``subject``."""

    kind: str
    value: str


@dataclass(frozen=True)
class CertificateInfo:
    """The certificate behind a selector."""

    selector: CertificateSelector
    thumbprint: str
    """Upper-case hexadecimal SHA-1 of its bytes."""
    begins_at: datetime
    ends_at: datetime

    @property
    def shown_name(self) -> str:
        """How messages call it."""
        return f"{self.selector.kind} {self.selector.value}"


@dataclass(frozen=True)
class DigestToSign:
    """What a server is asked to sign, and what it may record of the file behind it."""

    digest: bytes
    algorithm: DigestAlgorithm
    thumbprint: str
    """SHA-1 thumbprint of the certificate whose private key signs."""
    file_name: str
    file_size: int
