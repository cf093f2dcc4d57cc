"""Sessions of people: sign in, stay signed in, sign out.

A session is a random token that its browser keeps; the database has its SHA-256 alone.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Person, Session
from signotaur_keyserver.service.names import is_name
from signotaur_keyserver.service.passwords import Passwords
from signotaur_keyserver.store import events, people, sessions

IDLE = timedelta(hours=12)
"""A session ends when it was not used for so long."""
LIFETIME = timedelta(days=7)
"""A session ends after so long, used or not."""
_SEEN_EVERY = timedelta(minutes=5)
"""A use is written down when the one before is older, so that not every page is a write."""
_TOKEN_BYTES = 32
_ADDRESS_LENGTH, _AGENT_LENGTH = 64, 200


@dataclass(frozen=True)
class Origin:
    """Where a request of a person came from."""

    address: str | None
    user_agent: str | None


@dataclass(frozen=True)
class SignedIn:
    """A new session, and the token that opens it."""

    token: str
    person: Person


def sign_in(
    database: Database, passwords: Passwords, name: str, password: str, origin: Origin
) -> SignedIn | Event:
    """Begin a session, or return the event of the refusal. The work is the same in both cases."""
    with database.read() as connection:
        # A name that cannot be is looked up as none, and so takes as long.
        stored = people.password_of(connection, name if is_name(name) else "")
    password_hash = None if stored is None else stored[1]
    if not passwords.matches(password_hash, password):
        return _refused(stored, origin)
    with database.write() as connection:
        now = database.clock.now(connection)
        current = people.password_of(connection, name)
        if current is None or current[1] != password_hash or not _may_sign_in(current[0], now):
            return _refused(stored, origin)
        person = current[0]
        token = begin(connection, person, now, origin)
        message = f"User {person.name} signed in."
        event = Event(
            Level.INFORMATION, EventType.SIGNED_IN, message, person.id, source=origin.address
        )
        events.write(connection, now, event)
        return SignedIn(token, person)


def begin(connection: Connection, person: Person, now: datetime, origin: Origin) -> str:
    """Add a session of a person; return its token."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    sessions.add(
        connection,
        digest(token),
        person.id,
        now=now,
        expires=now + LIFETIME,
        address=_cut(origin.address, _ADDRESS_LENGTH),
        user_agent=_cut(origin.user_agent, _AGENT_LENGTH),
    )
    return token


def find_session(database: Database, token: str) -> Session | None:
    """Return the live session of a token, and note that it is in use."""
    with database.read() as connection:
        session = sessions.find(connection, digest(token))
        now = database.clock.now(connection)
    if session is None or not _is_alive(session, now):
        return None
    if now - session.seen_at_utc >= _SEEN_EVERY:
        with database.write() as connection:
            sessions.mark_seen(connection, session.token_sha256, now)
    return session


def live_sessions(database: Database, user_id: int) -> list[Session]:
    """Return the live sessions of a user, the last used one first."""
    with database.read() as connection:
        now = database.clock.now(connection)
        return [each for each in sessions.of_user(connection, user_id) if _is_alive(each, now)]


def sign_out(database: Database, session: Session, origin: Origin) -> None:
    """End a session."""
    with database.write() as connection:
        if sessions.delete_one(connection, session.token_sha256):
            person = session.person
            message = f"User {person.name} signed out."
            event = Event(
                Level.INFORMATION, EventType.SIGNED_OUT, message, person.id, source=origin.address
            )
            events.write(connection, database.clock.now(connection), event)


def end_other_sessions(database: Database, session: Session, origin: Origin) -> int:
    """End every session of a person but this one; return how many there were."""
    person = session.person
    with database.write() as connection:
        ended = sessions.delete_of_user(connection, person.id, kept=session.token_sha256)
        if ended:
            message = f"User {person.name} ended {ended} other sessions."
            event = Event(
                Level.INFORMATION, EventType.SIGNED_OUT, message, person.id, source=origin.address
            )
            events.write(connection, database.clock.now(connection), event)
    return ended


def digest(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _is_alive(session: Session, now: datetime) -> bool:
    over = now >= session.expires_at_utc or now >= session.seen_at_utc + IDLE
    return session.person.enabled and not over


def _may_sign_in(person: Person, now: datetime) -> bool:
    expires = person.password_expires_at_utc
    return person.enabled and (expires is None or now < expires)


def _refused(stored: tuple[Person, str] | None, origin: Origin) -> Event:
    # Without the name that was typed: it may be a password in the wrong field.
    who = "a user that does not exist" if stored is None else f"user {stored[0].name}"
    return Event(
        Level.SECURITY,
        EventType.SIGN_IN_REFUSED,
        f"A sign-in as {who} was refused.",
        None if stored is None else stored[0].id,
        source=origin.address,
    )


def _cut(text: str | None, length: int) -> str | None:
    return None if text is None else text[:length]
