"""One change of keys by a person: its transaction, its moment, who may do it, and what it logs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Key, Person, Rotation
from signotaur_keyserver.store import events, key_locks, keys, people, rotations
from signotaur_wire.members import Json


@dataclass(frozen=True)
class Actor:
    """A person who changes something."""

    person: Person
    owner_id: int | None
    """The only owner whose keys may be changed; None: everybody's, for administrators."""
    source: str | None = None
    """Address that the request came from."""


@dataclass(frozen=True)
class PersonChange:
    """A transaction of a person who may still do this."""

    connection: Connection
    now: datetime
    actor: Actor

    @property
    def by(self) -> str:
        """Name of the person."""
        return self.actor.person.name

    def key(self, key_id: int) -> Key:
        """Return a key that the person may change. Raises RefusedError for any other."""
        key = keys.get(self.connection, key_id)
        if key is None or self.actor.owner_id not in (None, key.owner_id) or key.deleted_at_utc:
            raise refusals.not_found()
        return key

    def rotation_of(self, new_key_id: int) -> tuple[Rotation, Key]:
        """Return the rotation that made a key of the person, and its old key."""
        self.key(new_key_id)
        rotation = rotations.of_new_key(self.connection, new_key_id)
        if rotation is None:
            raise refusals.not_found()
        return rotation, keys.require(self.connection, rotation.old_key_id)

    def log(
        self,
        event_type: EventType,
        message: str,
        key: Key,
        rotation: Rotation | None = None,
        data: Json | None = None,
    ) -> None:
        """Write an event about a key, of level Security, as all that people change."""
        event = Event(
            Level.SECURITY,
            event_type,
            message,
            user_id=key.owner_id,
            key_id=key.id,
            rotation_id=None if rotation is None else rotation.id,
            source=self.actor.source,
            data={**(data or {}), "byUserId": self.actor.person.id},
        )
        events.write(self.connection, self.now, event)

    def revoke(self, key: Key, reason: str, at: datetime | None = None) -> bool:
        """Revoke a key, with its event; False when it was revoked already."""
        if not keys.revoke(self.connection, key.id, at or self.now, reason):
            return False
        message = f"Key {key.id} was revoked by {self.by}: {reason}."
        self.log(EventType.KEY_REVOKED, message, key)
        return True


def require_administrator(connection: Connection, by: Person) -> None:
    """Raise RefusedError when the rights of a person ended since the request."""
    current = people.get(connection, by.id)
    if current is None or not (current.admin and current.enabled):
        raise refusals.not_allowed()


@contextmanager
def change_of(
    database: Database, actor: Actor, key_ids: Sequence[int] = ()
) -> Iterator[PersonChange]:
    """Begin a change that locks the lineages of some keys.

    Raises RefusedError when the person's rights ended since the request.
    """
    with database.write() as connection:
        if key_ids:
            key_locks.lock(connection, key_ids)
        current = people.get(connection, actor.person.id)
        if current is None or not current.enabled:
            raise refusals.not_allowed()
        if actor.owner_id is None and not current.admin:
            raise refusals.not_allowed()
        yield PersonChange(connection, database.clock.now(connection), actor)
