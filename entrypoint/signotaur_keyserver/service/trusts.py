"""What an administrator does with trusts: add, list, remove."""

from collections.abc import Sequence
from dataclasses import dataclass

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.domain.trusts import ClaimRule, Trust, TrustError, require_possible
from signotaur_keyserver.pki.id_tokens import JwksError, KeySet
from signotaur_keyserver.service.administration import (
    AdministrationError,
    require_user,
    revoke_alive,
)
from signotaur_keyserver.service.person_transaction import require_administrator
from signotaur_keyserver.store import event_chain, events, key_locks, keys, trusts
from signotaur_wire.members import Json

MAX_TRUSTS = 100


@dataclass(frozen=True)
class NewTrust:
    """What an administrator asks for."""

    issuer: str
    audience: str
    rules: tuple[ClaimRule, ...]
    user: str
    purpose: str
    life_seconds: int
    jwks: Json | None = None
    ca_pem: str | None = None


def add_trust(database: Database, new: NewTrust) -> int:
    """Add a trust and return its id. Raises AdministrationError."""
    try:
        require_possible(new.issuer, new.audience, new.rules, new.purpose, new.life_seconds)
        if new.jwks is not None:
            KeySet(new.jwks)
    except (TrustError, JwksError) as error:
        raise AdministrationError(str(error)) from None
    with database.write() as connection:
        event_chain.lock_head(connection)
        now = database.clock.now(connection)
        if len(trusts.every(connection)) >= MAX_TRUSTS:
            raise AdministrationError(f"there can be at most {MAX_TRUSTS} trusts")
        user = require_user(connection, new.user)
        trust = Trust(
            **(vars(new) | {"user": user.name}),
            id=0,
            user_id=user.id,
            user_enabled=user.enabled,
            created_at_utc=now,
        )
        trust_id = trusts.add(connection, trust)
        message = f"Trust {trust_id} in {new.issuer} was added for {user.name}."
        data: Json = {"audience": new.audience, "rules": [str(rule) for rule in new.rules]}
        event = Event(Level.SECURITY, EventType.TRUST_ADDED, message, user.id, data=data)
        events.write(connection, now, event)
    return trust_id


def list_trusts(database: Database) -> Sequence[Trust]:
    """Return every trust."""
    with database.read() as connection:
        return trusts.every(connection)


def remove_trust(database: Database, trust_id: int, by: Person | None = None) -> int:
    """Remove a trust and revoke the keys made by it; return how many. Raises AdministrationError.

    ``by`` is who asked on the pages; None is somebody at the command line.
    """
    with database.write() as connection:
        if by is not None:
            require_administrator(connection, by)
        trusts.lock(connection, trust_id)
        trust = trusts.get(connection, trust_id)
        if trust is None:
            raise AdministrationError(f"there is no trust {trust_id}")
        now = database.clock.now(connection)
        made = [key.id for key in keys.of_trust(connection, trust_id, now)]
        key_locks.lock(connection, made)
        trusts.remove(connection, trust_id, now)
        # Read again: a rotation may have made one more before the lock.
        for key in (present := keys.of_trust(connection, trust_id, now)):
            revoke_alive(connection, key, now, f"the removal of trust {trust_id}")
        message = f"Trust {trust_id} in {trust.issuer} was removed."
        data: Json = {} if by is None else {"byUserId": by.id}
        event = Event(Level.SECURITY, EventType.TRUST_REMOVED, message, trust.user_id, data=data)
        events.write(connection, now, event)
        return len(present)
