"""What an administrator does with trusts: add, list, remove."""

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.domain.trusts import (
    PLATFORMS,
    ClaimRule,
    Trust,
    TrustError,
    require_possible,
    rule_of,
)
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
_LEVELS = 8
"""Of a key set. Whether many levels of JSON can be read depends on where in the code it is."""


class TrustRefusedError(AdministrationError):
    """A trust is not possible. ``field`` is where: one of ``new_trust``, for a person's text."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


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


@dataclass(frozen=True)
class TrustOverview:
    """A trust as a person sees it."""

    trust: Trust
    last_exchange_at_utc: datetime | None


def new_trust(  # noqa: PLR0913 - one parameter per option
    *,
    issuer: str,
    audience: str,
    user: str,
    claims: Sequence[str],
    claim_patterns: Sequence[str],
    may: str,
    key_life_seconds: int,
    jwks: str | None,
    ca_pem: str | None,
) -> NewTrust:
    """Return the trust of texts as a person writes them. Raises TrustRefusedError.

    Claims are ``NAME=VALUE``; the issuer may have a short name; ``jwks`` is JSON.
    """
    try:
        exact = [rule_of(text, pattern=False) for text in claims]
        patterns = [rule_of(text, pattern=True) for text in claim_patterns]
    except TrustError as error:
        raise TrustRefusedError(error.field, str(error)) from None
    if ca_pem is not None:
        _require_authorities(ca_pem)
    return NewTrust(
        PLATFORMS.get(issuer, issuer),
        audience,
        (*exact, *patterns),
        user,
        may,
        key_life_seconds,
        None if jwks is None else _key_set(jwks),
        ca_pem,
    )


def add_trust(database: Database, new: NewTrust, by: Person | None = None) -> int:
    """Add a trust and return its id. Raises TrustRefusedError.

    ``by`` is who asked on the pages; None is somebody at the command line. It decides where the
    keys of the issuer may be fetched from, see ``issuer_keys``.
    """
    _require_possible(new)
    with database.write() as connection:
        event_chain.lock_head(connection)
        if by is not None:
            require_administrator(connection, by)
        now = database.clock.now(connection)
        if len(trusts.every(connection)) >= MAX_TRUSTS:
            raise TrustRefusedError("issuer", f"there can be at most {MAX_TRUSTS} trusts")
        try:
            user = require_user(connection, new.user)
        except AdministrationError as error:
            raise TrustRefusedError("user", str(error)) from None
        trust = Trust(
            **(vars(new) | {"user": user.name}),
            id=0,
            user_id=user.id,
            user_enabled=user.enabled,
            created_at_utc=now,
            added_by_user_id=None if by is None else by.id,
        )
        trust_id = trusts.add(connection, trust)
        message = f"Trust {trust_id} in {new.issuer} was added for {user.name}."
        data: Json = {"audience": new.audience, "rules": [str(rule) for rule in new.rules]}
        data |= {} if by is None else {"byUserId": by.id}
        event = Event(Level.SECURITY, EventType.TRUST_ADDED, message, user.id, data=data)
        events.write(connection, now, event)
    return trust_id


def list_trusts(database: Database) -> Sequence[Trust]:
    """Return every trust."""
    with database.read() as connection:
        return trusts.every(connection)


def overviews(database: Database) -> list[TrustOverview]:
    """Return every trust with its last exchange."""
    with database.read() as connection:
        last = trusts.last_exchanges(connection)
        return [TrustOverview(each, last.get(each.id)) for each in trusts.every(connection)]


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


def _require_possible(new: NewTrust) -> None:
    try:
        require_possible(new.issuer, new.audience, new.rules, new.purpose, new.life_seconds)
        if new.jwks is not None:
            KeySet(new.jwks)
    except TrustError as error:
        raise TrustRefusedError(error.field, str(error)) from None
    except JwksError as error:
        raise TrustRefusedError("jwks", str(error)) from None


def _key_set(text: str) -> Json:
    """Return a key set that is JSON also to the database, which knows no NaN and no infinity."""
    levels = f"this has more than {_LEVELS} levels of objects and lists"
    try:
        document = json.loads(text)
        json.dumps(document, allow_nan=False)
    except RecursionError:
        raise TrustRefusedError("jwks", levels) from None
    except ValueError:
        raise TrustRefusedError("jwks", "this is not JSON") from None
    if not isinstance(document, dict):
        raise TrustRefusedError("jwks", "this is not a JSON object")
    if _is_deeper(document, _LEVELS):
        raise TrustRefusedError("jwks", levels)
    return document


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in parts)


def _require_authorities(text: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    # A TypeError is raised for a text that is not ASCII.
    except (ssl.SSLError, ValueError, TypeError):
        fault = "this contains no certificates in PEM form, which is ASCII"
        raise TrustRefusedError("ca_pem", fault) from None
