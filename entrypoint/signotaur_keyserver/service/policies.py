"""Show and change the server's policy and those of keys."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.policy import SETTING, Policy, PolicyError, Purpose, of_key
from signotaur_keyserver.domain.records import Key, Person
from signotaur_keyserver.service.administration import AdministrationError, require_key
from signotaur_keyserver.service.person_transaction import require_administrator
from signotaur_keyserver.store import event_chain, events, key_locks, keys, rotations, settings
from signotaur_wire.members import Json


class PolicyRefusedError(AdministrationError):
    """A policy is not possible; ``field`` of ``Policy`` is where the fault is."""

    def __init__(self, fault: PolicyError) -> None:
        super().__init__(str(fault))
        self.field = fault.field


@dataclass(frozen=True)
class KeyPolicy:
    """What a key's own columns say, and what follows together with the server's policy."""

    purpose: Purpose
    own: Json
    effective: Policy


def server_policy(connection: Connection) -> Policy:
    """Return the policy of the server."""
    return Policy.from_json(settings.find(connection, SETTING))


def show_policy(database: Database) -> Policy:
    """Return the policy of the server."""
    with database.read() as connection:
        return server_policy(connection)


def set_policy(database: Database, *, by: Person | None = None, **changes: Any) -> Policy:
    """Change fields of the server's policy; return it. Raises PolicyRefusedError.

    ``by`` is who asked on the pages; None is somebody at the command line.
    """
    with database.write() as connection:
        # One at a time: a policy is read, changed and written.
        event_chain.lock_head(connection)
        if by is not None:
            require_administrator(connection, by)
        now = database.clock.now(connection)
        try:
            changed = replace(server_policy(connection), **changes)
        except PolicyError as error:
            raise PolicyRefusedError(error) from None
        settings.put(connection, SETTING, changed.to_json())
        message = "The policy of the server was changed."
        data = changed.to_json() | ({} if by is None else {"byUserId": by.id})
        event = Event(Level.SECURITY, EventType.POLICY_CHANGED, message, data=data)
        events.write(connection, now, event)
        return changed


def show_key_policy(database: Database, key_id: int) -> KeyPolicy:
    """Return the policy of a key. Raises AdministrationError."""
    with database.read() as connection:
        return policy_of(require_key(connection, key_id))


def set_key_policy(
    database: Database, key_id: int, *, by: Person | None = None, **changes: Any
) -> KeyPolicy:
    """Change a key's columns, None: as the server's policy says. Raises AdministrationError.

    ``by`` is who asked on the pages; None is somebody at the command line.
    """
    with database.write() as connection:
        if by is not None:
            require_administrator(connection, by)
        key_locks.lock(connection, [key_id])
        now = database.clock.now(connection)
        changed = replace(require_key(connection, key_id), **changes)
        try:
            policy = policy_of(changed)
        except PolicyError as error:
            raise PolicyRefusedError(error) from None
        for each in (key_id, *_candidates(connection, key_id)):
            keys.set_policy(connection, each, **changes)
        message = f"The policy of key {key_id} was changed."
        data: Json = {"purpose": policy.purpose.value} | policy.own
        data |= {} if by is None else {"byUserId": by.id}
        changed_type = EventType.KEY_POLICY_CHANGED
        event = Event(Level.SECURITY, changed_type, message, changed.owner_id, key_id, data=data)
        events.write(connection, now, event)
        return policy


def _candidates(connection: Connection, key_id: int) -> list[int]:
    """Return the keys that would keep the policy of a key when their rotation is confirmed."""
    opened = rotations.competing(connection, key_id)
    return [each.new_key_id for each in opened if each.old_key_id == key_id and each.is_unconfirmed]


def policy_of(key: Key) -> KeyPolicy:
    """Return the policy of a key."""
    columns = keys.own_policy(key)
    del columns["purpose"]
    own = {name: value for name, value in columns.items() if value is not None}
    return KeyPolicy(Purpose(key.purpose), own, of_key(key))
