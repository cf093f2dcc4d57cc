"""Doubles that implement the real ports: an in-memory key service, sinks, a progress log.

The fake key service passes the same contract suite as the real one (``tests/contract``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from signotaur_action.errors import (
    AlreadyRotatedError,
    BusyError,
    DeliveryError,
    DestinationRefusedError,
    InvalidOverlapError,
    ServerError,
    SupersededError,
    UnauthorizedError,
)
from signotaur_action.model import Delivery, KeyInfo, OpenRotation, Rotation, RotationIntent, Secret
from signotaur_action.policy.durations import overlap_allowed
from signotaur_wire import keyformat
from signotaur_wire.limits import LEASE, MAX_CANDIDATES
from signotaur_wire.messages import DestinationOutcome, RotationState

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@dataclass
class FakeKey:
    """A key as the fake service keeps it."""

    id: int
    secret: Secret
    expires_at: datetime | None
    created_at: datetime
    revokes_at: datetime | None = None
    candidate_of: UUID | None = None
    used: bool = False
    in_use_since: datetime | None = None


@dataclass
class FakeRotation:
    """A rotation as the fake service keeps it."""

    intent: RotationIntent
    old: FakeKey
    new: FakeKey
    state: RotationState
    opened_at: datetime
    lease_until: datetime
    overlap_end: datetime
    confirmed_at: datetime | None = None


@dataclass
class FakeKeyService:
    """A key service in memory with the rules of docs/design.md; a test moves its clock."""

    address: str = "fake://keys"
    now: datetime = START
    may_rotate: bool = True
    mints: bool = False
    """Whether this service makes the new key itself, as the vendor's server does."""
    keys: list[FakeKey] = field(default_factory=list)
    rotations: dict[UUID, FakeRotation] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    told: tuple[DestinationOutcome, ...] = ()
    """What the last confirmation told of destinations."""
    arms_at_once: bool = False

    def add_key(self, lifetime: timedelta | None = timedelta(days=90)) -> Secret:
        """Add a key and return it."""
        secret = Secret(keyformat.generate())
        self._add(secret, lifetime)
        return secret

    def pass_time(self, span: timedelta) -> None:
        """Let time pass."""
        self.now += span

    def accepts(self, key: Secret) -> bool:
        """Return whether the service would accept a key now."""
        return self._find(key) is not None

    def abort(self, rotation_id: UUID) -> None:
        """Give a rotation up, as its owner may at the server; its candidate dies."""
        rotation = self.rotations[rotation_id]
        rotation.state = RotationState.ABORTED
        self._retire(rotation.new, self.now)

    def describe(self, key: Secret) -> KeyInfo:
        self.calls.append("describe")
        found = self._authenticated(key)
        self._use(found)
        candidate = self._candidate(found)
        return KeyInfo(
            id=found.id,
            name="ci",
            owner="build",
            may_rotate=self.may_rotate,
            is_candidate=candidate,
            expires_at=found.expires_at,
            revokes_at=found.revokes_at,
            rotation=self._rotation_of(found),
            server_time=self.now,
        )

    def new_key(self) -> Secret | None:
        return None if self.mints else Secret(keyformat.generate())

    def open_rotation(self, key: Secret, intent: RotationIntent) -> OpenRotation:
        self.calls.append("open")
        found = self._authenticated(key)
        known = self.rotations.get(intent.id)
        if known is not None:
            return self._repeat(known, found, intent)
        if not self.may_rotate:
            raise UnauthorizedError("the role is missing")
        if not overlap_allowed(intent.overlap_days):
            raise InvalidOverlapError("outside 0 to 30")
        if self._candidate(found) and found.candidate_of is not None:
            raise self._busy(self.rotations[found.candidate_of])
        lost = self._require_free(found, intent)
        self._use(found)
        self._make_room(found)
        secret = intent.candidate or Secret(keyformat.generate())
        lifetime = None if found.expires_at is None else found.expires_at - found.created_at
        new = self._add(secret, lifetime)
        ends = [each.expires_at for each in (new, *lost) if each.expires_at is not None]
        new.expires_at = min(ends, default=None)
        new.candidate_of = intent.id
        rotation = FakeRotation(
            replace(intent, candidate=secret),
            found,
            new,
            RotationState.OPEN,
            self.now,
            self.now + LEASE,
            self.now + timedelta(days=intent.overlap_days),
        )
        self.rotations[intent.id] = rotation
        return OpenRotation(self._shown(rotation), secret)

    def rotation(self, key: Secret, rotation_id: UUID) -> Rotation | None:
        self.calls.append("rotation")
        found = self._authenticated(key)
        rotation = self.rotations.get(rotation_id)
        if rotation is None or found not in (rotation.old, rotation.new):
            return None
        return self._shown(rotation)

    def confirm(
        self, key: Secret, rotation_id: UUID, destinations: Sequence[DestinationOutcome] = ()
    ) -> Rotation:
        self.calls.append("confirm")
        self.told = tuple(destinations)
        found = self._authenticated(key)
        rotation = self.rotations[rotation_id]
        if found is not rotation.new or self._state(rotation) not in (
            RotationState.OPEN,
            RotationState.HELD,
            RotationState.CONFIRMED,
        ):
            raise SupersededError("not this rotation's new key, or the rotation is over")
        if rotation.state is not RotationState.CONFIRMED:
            for other in self._rivals(rotation):
                self._require_lease(other, rotation.intent.holder)
            self._arm(rotation)
        return self._shown(rotation)

    def _arm(self, rotation: FakeRotation) -> None:
        if rotation.overlap_end <= self.now:
            rotation.overlap_end = self.now + timedelta(days=rotation.intent.overlap_days)
        rotation.state, rotation.confirmed_at = RotationState.CONFIRMED, self.now
        rivals = self._rivals(rotation)
        lost = [each for each in rivals if each.state is RotationState.CONFIRMED]
        end = max(each.overlap_end for each in (rotation, *lost))
        for other in rivals:
            if other.state is RotationState.OPEN:
                other.state = RotationState.SUPERSEDED
            self._retire(other.new, end)
        if rotation.intent.auto_revoke:
            self._retire(rotation.old, rotation.overlap_end)

    def _use(self, key: FakeKey) -> None:
        """Record the first use after the confirmation: it overrules every ``again``."""
        made = None if key.candidate_of is None else self.rotations[key.candidate_of]
        if made is None or made.state is not RotationState.CONFIRMED or key.in_use_since:
            return
        key.in_use_since, key.revokes_at = self.now, None
        for other in self._rivals(made):
            if other.state is RotationState.OPEN:
                other.state = RotationState.SUPERSEDED
                self._retire(other.new, made.overlap_end)

    @staticmethod
    def _retire(key: FakeKey, moment: datetime) -> None:
        key.revokes_at = min(key.revokes_at or moment, moment)

    def _repeat(self, known: FakeRotation, key: FakeKey, intent: RotationIntent) -> OpenRotation:
        same = replace(intent, holder="", candidate=intent.candidate or known.intent.candidate)
        if key not in (known.old, known.new) or same != replace(known.intent, holder=""):
            raise SupersededError("another body")
        if self._state(known) in (RotationState.OPEN, RotationState.HELD):
            if known.intent.holder != intent.holder and known.lease_until > self.now:
                raise self._busy(known)
            known.intent = replace(known.intent, holder=intent.holder)
            known.lease_until = self.now + LEASE
        return OpenRotation(self._shown(known), known.new.secret)

    def _require_free(self, old: FakeKey, intent: RotationIntent) -> list[FakeKey]:
        """Return the successors that are lost."""
        lost = []
        for rotation in self._of(old) + self._origin(old):
            self._require_lease(rotation, intent.holder)
            if rotation.state is RotationState.CONFIRMED:
                lost.append(rotation.new)
        in_use = [each for each in lost if each.in_use_since is not None]
        if lost and (in_use or not intent.again):
            named = (in_use or lost)[-1]
            raise AlreadyRotatedError(named.id, in_use_since=named.in_use_since)
        return lost

    def _require_lease(self, rotation: FakeRotation, holder: str) -> None:
        live = rotation.state is RotationState.OPEN and rotation.lease_until > self.now
        if live and rotation.intent.holder != holder:
            raise self._busy(rotation)

    def _make_room(self, old: FakeKey) -> None:
        present = [each for each in self._of(old) if each.state is RotationState.OPEN]
        surplus = len(present) + 1 - MAX_CANDIDATES
        idle = [each for each in present if not each.new.used]
        if surplus > len(idle):
            raise ServerError("too many candidates")
        for each in idle[: max(0, surplus)]:
            each.state = RotationState.SUPERSEDED
            self._retire(each.new, self.now)

    def _of(self, old: FakeKey) -> list[FakeRotation]:
        return [each for each in self.rotations.values() if each.old is old]

    def _origin(self, key: FakeKey) -> list[FakeRotation]:
        """Return the rotations that a key lost against, if it was a candidate once."""
        origin = None if key.candidate_of is None else self.rotations[key.candidate_of]
        lost = origin is not None and origin.state is RotationState.SUPERSEDED
        return self._of(origin.old) if origin is not None and lost else []

    def _rivals(self, rotation: FakeRotation) -> list[FakeRotation]:
        family = self._of(rotation.old) + self._origin(rotation.old)
        return [each for each in family if each is not rotation]

    def _busy(self, rotation: FakeRotation) -> BusyError:
        return BusyError(
            f"held by {rotation.intent.holder}", retry_after=rotation.lease_until - self.now
        )

    def _add(self, secret: Secret, lifetime: timedelta | None) -> FakeKey:
        expires_at = None if lifetime is None else self.now + lifetime
        key = FakeKey(len(self.keys) + 1, secret, expires_at, self.now)
        self.keys.append(key)
        return key

    def _find(self, key: Secret) -> FakeKey | None:
        for each in self.keys:
            ends = [end for end in (each.expires_at, each.revokes_at) if end is not None]
            if each.secret == key and all(end > self.now for end in ends):
                return each
        return None

    def _authenticated(self, key: Secret) -> FakeKey:
        found = self._find(key)
        if found is None:
            raise UnauthorizedError("unknown key")
        found.used = True
        return found

    def _candidate(self, key: FakeKey) -> bool:
        return key.candidate_of is not None and self._state(self.rotations[key.candidate_of]) in (
            RotationState.OPEN,
            RotationState.HELD,
        )

    def _rotation_of(self, key: FakeKey) -> Rotation | None:
        if self._candidate(key) and key.candidate_of is not None:
            return self._shown(self.rotations[key.candidate_of])
        own = self._of(key)
        states = (RotationState.OPEN, RotationState.HELD, RotationState.CONFIRMED)
        shown = [each for state in states for each in own if self._state(each) is state]
        if not shown and key.candidate_of is not None:  # its own, which another one replaced
            made = self.rotations[key.candidate_of]
            shown = [] if self._state(made) is RotationState.CONFIRMED else [made]
        return self._shown(shown[0]) if shown else None

    def _state(self, rotation: FakeRotation) -> RotationState:
        over = self.now >= max(rotation.overlap_end, rotation.lease_until)
        return (
            RotationState.HELD if rotation.state is RotationState.OPEN and over else rotation.state
        )

    def _shown(self, rotation: FakeRotation) -> Rotation:
        return Rotation(
            id=rotation.intent.id,
            state=self._state(rotation),
            old_key_id=rotation.old.id,
            new_key_id=rotation.new.id,
            new_key_name="ci",
            new_key_expires_at=rotation.new.expires_at,
            overlap_days=rotation.intent.overlap_days,
            auto_revoke=rotation.intent.auto_revoke,
            again=rotation.intent.again,
            overlap_end=rotation.overlap_end,
            confirmed_at=rotation.confirmed_at,
            server_time=self.now,
        )


@dataclass
class MemorySink:
    """A destination in memory; ``refuse`` fails its check, ``fail`` that many deliveries."""

    name: str = "memory"
    durable: bool = True
    readable: bool = True
    refuse: bool = False
    fail: int = 0
    held: Secret | None = None
    deliveries: list[Delivery] = field(default_factory=list)

    def check(self) -> Sequence[str]:
        if self.refuse:
            raise DestinationRefusedError(f"{self.name} is refused")
        return []

    def deliver(self, delivery: Delivery) -> None:
        if self.fail:
            self.fail -= 1
            raise DeliveryError(f"{self.name} failed")
        self.held = delivery.key
        self.deliveries.append(delivery)

    def read_back(self) -> Secret | None:
        return self.held if self.readable else None


@dataclass
class RecordingProgressLog:
    """A progress log that remembers."""

    masked: list[Secret] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def mask(self, key: Secret) -> None:
        self.masked.append(key)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
