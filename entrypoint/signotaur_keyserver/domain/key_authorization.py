"""What an API key opens: the one table that every call with a key is decided by.

Pure. What the table does not grant is refused. Of people's rights see ``authorization``: a key
opens nothing of these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from signotaur_keyserver.domain import policy, refusals
from signotaur_keyserver.domain.policy import Purpose
from signotaur_keyserver.domain.records import Key, Rotation
from signotaur_wire import paths, signing
from signotaur_wire.messages import KeyState
from signotaur_wire.roles import ROTATOR

LIVE = frozenset((KeyState.ACTIVE, KeyState.CANDIDATE))
"""States in which a key opens anything at all."""


class KeyCall(Enum):
    """Calls with an API key, as method and path."""

    DESCRIBE = ("GET", paths.KEYS_SELF)
    PUT_ROTATION = ("PUT", paths.ROTATION)
    SEE_ROTATION = ("GET", paths.ROTATION)
    CONFIRM = ("PUT", paths.CONFIRMATION)
    ABORT = ("DELETE", paths.ROTATION)
    FIND_CERTIFICATE = ("POST", signing.CERT_GET)
    SIGN = ("POST", signing.SIGN)


class Party(Enum):
    """What a key is to a rotation."""

    OLD = auto()
    NEW = auto()
    NEITHER = auto()


@dataclass(frozen=True)
class KeyRights:
    """Who may make a call: a key that is ``LIVE``, and all of this."""

    parties: frozenset[Party] = frozenset()
    """Of the rotation that the path names; a new one has no parties yet. Empty: names none."""
    purpose: Purpose = Purpose.ANY
    """``ROTATE`` or ``SIGN``: a key that may only do the other one is refused."""
    role: str | None = None
    """Of the key's owner."""


_EITHER = frozenset((Party.OLD, Party.NEW))

ALLOWED: Mapping[KeyCall, KeyRights] = {
    KeyCall.DESCRIBE: KeyRights(),
    KeyCall.PUT_ROTATION: KeyRights(_EITHER, Purpose.ROTATE, ROTATOR),
    KeyCall.SEE_ROTATION: KeyRights(_EITHER),
    KeyCall.CONFIRM: KeyRights(frozenset((Party.NEW,))),
    KeyCall.ABORT: KeyRights(frozenset((Party.OLD,))),
    KeyCall.FIND_CERTIFICATE: KeyRights(purpose=Purpose.SIGN),
    KeyCall.SIGN: KeyRights(purpose=Purpose.SIGN),
}


def require_call(call: KeyCall, key: Key) -> None:
    """Raise RefusedError unless a key that is alive may make a call."""
    rights = ALLOWED[call]
    if rights.role is not None and rights.role not in key.roles:
        raise refusals.role_required()
    if rights.purpose is not Purpose.ANY:
        policy.require_purpose(key, rights.purpose)


def is_party(call: KeyCall, rotation: Rotation, key_id: int) -> bool:
    """Return whether a key is one that may make a call on a rotation."""
    return _party(rotation, key_id) in ALLOWED[call].parties


def require_party(call: KeyCall, rotation: Rotation | None, key_id: int) -> Rotation:
    """Return the rotation. Raises RefusedError unless a key may make a call on it."""
    if rotation is None or _party(rotation, key_id) is Party.NEITHER:
        raise refusals.unknown_rotation()
    if not is_party(call, rotation, key_id):
        raise refusals.wrong_key("new" if Party.NEW in ALLOWED[call].parties else "old")
    return rotation


def _party(rotation: Rotation, key_id: int) -> Party:
    parties = {rotation.old_key_id: Party.OLD, rotation.new_key_id: Party.NEW}
    return parties.get(key_id, Party.NEITHER)
