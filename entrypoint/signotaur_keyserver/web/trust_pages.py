"""Trusts in issuers of ID tokens: a section of the settings, and calls that list and remove them.

They are added at the command line alone: the server then asks the issuer for its keys, also in a
private network, and no page may make it ask.
"""

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.refusals import not_found
from signotaur_keyserver.domain.trusts import Trust
from signotaur_keyserver.service import trusts
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit

routes = Routes()


@dataclass(frozen=True)
class TrustView:
    """A trust: whose tokens become keys of whom."""

    id: int
    issuer: str
    audience: str
    claims: tuple[str, ...]
    """``NAME=VALUE``, or ``NAME~PATTERN``."""
    user: str
    may: str
    """What a key may do: ``sign``, ``rotate`` or ``any``."""
    key_life_seconds: int
    created_at: datetime


@dataclass(frozen=True)
class TrustsAnswer:
    """Every trust, by id."""

    trusts: tuple[TrustView, ...]


@dataclass(frozen=True)
class RemovedTrustAnswer:
    """The trust that this call removed, and how many keys were revoked with it."""

    removed_id: int
    revoked_keys: int


def section(visit: Visit) -> TrustsAnswer:
    """Return what the settings show of trusts."""
    return TrustsAnswer(tuple(_view(each) for each in trusts.list_trusts(visit.database)))


@routes.call("GET", "/api/v1/trusts", Action.SEE_TRUSTS, answer=TrustsAnswer)
def get_trusts(visit: Visit) -> Response:
    """List trusts: whose ID tokens become keys."""
    return visit.answer(section(visit))


@routes.call(
    "DELETE",
    "/api/v1/trusts/{trust_id:int}",
    Action.CHANGE_SETTINGS,
    answer=RemovedTrustAnswer,
)
def delete_trust(visit: Visit) -> Response:
    """Remove a trust, and revoke the keys that were made by it."""
    trust_id = visit.id("trust_id")
    try:
        revoked = trusts.remove_trust(visit.database, trust_id, visit.person)
    except AdministrationError:
        raise not_found() from None
    return visit.answer(RemovedTrustAnswer(trust_id, revoked))


def _view(trust: Trust) -> TrustView:
    return TrustView(
        trust.id,
        trust.issuer,
        trust.audience,
        tuple(map(str, trust.rules)),
        trust.user,
        trust.purpose,
        trust.life_seconds,
        trust.created_at_utc,
    )
