"""Who may do what: the one table that every page, form and call of people is decided by.

Pure. What the table does not grant is refused. Calls with an API key have a table of their own
(``key_authorization``): a key opens nothing of this one.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum

from signotaur_keyserver.domain.records import Person
from signotaur_wire.roles import AUDITOR


class VisitorKind(Enum):
    """Kinds of visitors. A person is the first one that fits, from the bottom up to OWNER."""

    ANONYMOUS = "anonymous"
    """Not signed in."""
    OWNER = "owner"
    """Signed in: owns keys, or may."""
    AUDITOR = "auditor"
    """Has the role Auditor: reads everything, changes nothing."""
    ADMINISTRATOR = "administrator"
    RESTRICTED = "restricted"
    """Signed in with a temporary password, and may only change it, whatever else the person is."""


class Scope(IntEnum):
    """What a grant extends to."""

    NONE = 0
    OWN = 1
    """What belongs to the visitor."""
    ANY = 2
    """What belongs to others or to the server as well."""


class Action(Enum):
    """What pages and calls do. Each route names exactly one."""

    SIGN_IN = "sign in"
    SIGN_OUT = "sign out"
    SEE_SESSION = "see who is signed in"
    SEE_PROFILE = "see the profile"
    CHANGE_PASSWORD = "change the password"  # noqa: S105 - no password
    END_SESSIONS = "end other sessions"
    SEE_USERS = "see users"
    CHANGE_USERS = "change users"
    SEE_EVENTS = "see events"
    SEE_SETTINGS = "see settings"
    SEE_WEBHOOKS = "see webhooks"
    SEE_TRUSTS = "see trusts"
    CHANGE_SETTINGS = "change settings"
    SEE_KEYS = "see keys"
    CHANGE_KEYS = "change keys"
    CHANGE_KEY_POLICIES = "change policies of keys"
    SEE_ROTATIONS = "see rotations"
    CHANGE_ROTATIONS = "change rotations"
    SEE_CERTIFICATES = "see certificates"
    CHANGE_CERTIFICATES = "change certificates"


_EVERYBODY = dict.fromkeys(VisitorKind, Scope.OWN)
_SIGNED_IN: Mapping[VisitorKind, Scope] = {
    kind: Scope.OWN for kind in VisitorKind if kind is not VisitorKind.ANONYMOUS
}
_PEOPLE: Mapping[VisitorKind, Scope] = dict.fromkeys(
    (VisitorKind.OWNER, VisitorKind.AUDITOR, VisitorKind.ADMINISTRATOR), Scope.OWN
)
_ANY_READER = {VisitorKind.AUDITOR: Scope.ANY, VisitorKind.ADMINISTRATOR: Scope.ANY}
_OWN_READER = {VisitorKind.OWNER: Scope.OWN, **_ANY_READER}
_ADMINISTRATOR = {VisitorKind.ADMINISTRATOR: Scope.ANY}
_OWN_WRITER = {VisitorKind.OWNER: Scope.OWN, **_ADMINISTRATOR}

ALLOWED: Mapping[Action, Mapping[VisitorKind, Scope]] = {
    Action.SIGN_IN: _EVERYBODY,
    Action.SIGN_OUT: _SIGNED_IN,
    Action.SEE_SESSION: _SIGNED_IN,
    Action.SEE_PROFILE: _SIGNED_IN,
    Action.CHANGE_PASSWORD: _SIGNED_IN,
    Action.END_SESSIONS: _PEOPLE,
    Action.SEE_USERS: _ANY_READER,
    Action.CHANGE_USERS: _ADMINISTRATOR,
    Action.SEE_EVENTS: _OWN_READER,
    Action.SEE_SETTINGS: {**_ANY_READER, VisitorKind.OWNER: Scope.ANY},
    Action.SEE_WEBHOOKS: _ANY_READER,
    Action.SEE_TRUSTS: _ANY_READER,
    Action.CHANGE_SETTINGS: _ADMINISTRATOR,
    Action.SEE_KEYS: _OWN_READER,
    Action.CHANGE_KEYS: _OWN_WRITER,
    Action.CHANGE_KEY_POLICIES: _ADMINISTRATOR,
    Action.SEE_ROTATIONS: _OWN_READER,
    Action.CHANGE_ROTATIONS: _OWN_WRITER,
    Action.SEE_CERTIFICATES: _OWN_READER,
    Action.CHANGE_CERTIFICATES: _ADMINISTRATOR,
}


def kind_of(person: Person | None) -> VisitorKind:
    """Return which kind of visitor a person is; None is an anonymous one."""
    if person is None:
        return VisitorKind.ANONYMOUS
    if person.password_expires_at_utc is not None:
        return VisitorKind.RESTRICTED
    if person.admin:
        return VisitorKind.ADMINISTRATOR
    return VisitorKind.AUDITOR if AUDITOR in person.roles else VisitorKind.OWNER


def scope_of(kind: VisitorKind, action: Action) -> Scope:
    """Return how far a kind of visitor may go with an action."""
    return ALLOWED.get(action, {}).get(kind, Scope.NONE)
