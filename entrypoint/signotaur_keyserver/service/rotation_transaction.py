"""One change of rotations: its transaction, its moment, its caller, and what it logs.

Every use case that a key may ask for works through a ``Change``, so that none can forget to
lock the keys concerned, to check the caller again, or to write the event.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import rules
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.key_authorization import KeyCall, require_party
from signotaur_keyserver.domain.records import Key, Rotation
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.store import events, key_locks, keys, rotations
from signotaur_wire.limits import LEASE
from signotaur_wire.members import Json, format_time
from signotaur_wire.messages import RotationState
from signotaur_wire.problems import Problem


@dataclass(frozen=True)
class Change:
    """A transaction in which the caller's lineage is locked and the caller is alive."""

    connection: Connection
    now: datetime
    key: Key
    source: str | None
    events: list[Event] = field(default_factory=list)
    """Written at the end: the transaction that holds the end of the log must not wait for a key."""

    def log(
        self,
        level: Level,
        event_type: EventType,
        message: str,
        rotation: Rotation,
        *,
        key_id: int | None = None,
        data: Json | None = None,
    ) -> None:
        """Add an event about a rotation; ``key_id`` is the key concerned (default: the new)."""
        event = Event(
            level,
            event_type,
            message,
            user_id=self.key.owner_id,
            key_id=rotation.new_key_id if key_id is None else key_id,
            rotation_id=rotation.id,
            source=self.source,
            data=data or {},
        )
        self.events.append(event)

    def rotation(self, rotation_id: UUID, call: KeyCall = KeyCall.SEE_ROTATION) -> Rotation:
        """Return a rotation of the caller's key. Raises RefusedError unless it may make a call."""
        rotation = rotations.find(self.connection, rotation_id)
        return require_party(call, rotation, self.key.id)

    def revoke_candidate(self, rotation: Rotation, reason: str) -> None:
        """Revoke an unconfirmed new key at once."""
        if keys.revoke(self.connection, rotation.new_key_id, self.now, reason):
            message = f"Key {rotation.new_key_id} was revoked: {reason}."
            self.log(Level.INFORMATION, EventType.KEY_REVOKED, message, rotation)

    def supersede(
        self, rotation: Rotation, end: datetime, level: Level = Level.INFORMATION
    ) -> None:
        """End an unconfirmed rotation that lost against another one; its candidate dies at ``end``.

        A destination may have it: it works until its reader has changed over.
        """
        rotations.set_state(self.connection, rotation.id, RotationState.SUPERSEDED)
        message = (
            f"Candidate key {rotation.new_key_id} of key {rotation.old_key_id} was superseded and "
            f"will be revoked at {format_time(end)}."
        )
        self.log(level, EventType.ROTATION_SUPERSEDED, message, rotation)
        self.retire(rotation.new_key_id, end, "superseded", rotation)

    def retire(self, key_id: int, due: datetime, reason: str, rotation: Rotation) -> datetime:
        """Let a key die at ``due``, or earlier if it must already; return the true moment.

        A moment that is reached revokes at once.
        """
        key = keys.require(self.connection, key_id)
        if key.revoked_at_utc is not None:
            return key.revoked_at_utc
        due = rules.earliest(key.revoke_due_utc, due)
        if due != key.revoke_due_utc:
            keys.arm(self.connection, key_id, due, reason)
        if due <= self.now and keys.revoke(self.connection, key_id, due, reason):
            message = f"Key {key_id} was revoked: {reason}."
            self.log(Level.INFORMATION, EventType.KEY_REVOKED, message, rotation, key_id=key_id)
        return due


@contextmanager
def change(database: Database, caller: Caller, source: str | None) -> Iterator[Change]:
    """Begin a change that a key asks for. Raises RefusedError if the key died meanwhile."""
    try:
        with database.write() as connection:
            key_locks.lock(connection, [caller.key.id])
            key, database_time = keys.require_used(connection, caller.key.public_id)
            now = database.clock.shift(database_time)
            rules.require_alive(key, now)
            this = Change(connection, now, key, source)
            yield this
            if this.events:
                events.write(connection, now, *this.events)
    except RefusedError as refused:
        if refused.problem is Problem.ROTATION_OPEN:
            _shorten_leases(database, caller.key)
        raise


def _shorten_leases(database: Database, key: Key) -> None:
    """Let no lease on a key's rotations last longer from now than one that is given now.

    One does if the clock was ahead when it was given, and was set back. It is not ended at once:
    its owner may be alive.
    """
    with database.write() as connection:
        key_locks.lock(connection, [key.id])
        latest = database.clock.now(connection) + LEASE
        for old_key_id in {key.id, key.rotated_from_key_id or key.id}:
            for rotation in rotations.competing(connection, old_key_id):
                if rotation.is_unconfirmed and rotation.lease_until_utc > latest:
                    rotations.renew(connection, rotation.id, rotation.holder, latest)
