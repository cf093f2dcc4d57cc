"""Trusts in issuers of ID tokens: a section of the settings, and how administrators change them.

The server asks an issuer that was added here for its keys: by the rules of webhooks, so that
nobody who signs in can make it ask in a private network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.policy import Purpose
from signotaur_keyserver.domain.refusals import RefusedError, not_found
from signotaur_keyserver.service import trusts
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.trusts import TrustOverview, TrustRefusedError
from signotaur_keyserver.web.messages import field_refusal
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of

routes = Routes()

PURPOSES = (
    (Purpose.SIGN.value, "sign only"),
    (Purpose.ROTATE.value, "rotate only"),
    (Purpose.ANY.value, "rotate and sign"),
)
_NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class TrustBody:
    """Whose tokens become keys of whom, as ``trust add`` has it."""

    issuer: str
    """A URL, or a short name such as ``github``."""
    audience: str
    user: str
    """Name of the user who owns the keys."""
    claims: tuple[str, ...] = ()
    """``NAME=VALUE``; a ``*`` in the value is only that."""
    claim_patterns: tuple[str, ...] = ()
    """``NAME=PATTERN``."""
    may: str = Purpose.SIGN.value
    """What a key may do: ``sign``, ``rotate`` or ``any``."""
    key_life_seconds: int = 900
    jwks: str | None = None
    """The issuer's public keys, a JSON Web Key Set; null: they are fetched from the issuer."""
    ca_pem: str | None = None
    """Authorities to trust for the issuer, beside the usual ones."""


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
    fetches_keys: bool
    """Whether the keys of the issuer are fetched from it; else they were given with the trust."""
    created_at: datetime
    added_by: str | None
    """Who added it on the pages; null: the command line did."""
    last_exchange_at: datetime | None
    """When a token last became a key; null: none did."""


@dataclass(frozen=True)
class TrustsAnswer:
    """Every trust, by id."""

    trusts: tuple[TrustView, ...]


@dataclass(frozen=True)
class AddedTrustAnswer:
    """The trust that this call added."""

    id: int


@dataclass(frozen=True)
class RemovedTrustAnswer:
    """The trust that this call removed, and how many keys were revoked with it."""

    removed_id: int
    revoked_keys: int


@dataclass(frozen=True)
class TrustsSection:
    """What the settings show."""

    trusts: tuple[TrustView, ...]
    may_change: bool


def section(visit: Visit) -> TrustsSection:
    """Return what the settings show of trusts."""
    return TrustsSection(_views(visit), visit.may(Action.CHANGE_SETTINGS))


@routes.page("/settings/trusts/new", Action.CHANGE_SETTINGS)
def new_trust_page(visit: Visit) -> Response:
    """Show the form for a trust."""
    return _form_page(visit)


@routes.form("/settings/trusts", Action.CHANGE_SETTINGS)
def add_trust(visit: Visit) -> Response:
    """Add a trust."""
    try:
        trust_id = _add(visit)
    except RefusedError as refused:
        return _form_page(visit, faults_of(refused))
    return visit.redirect("/settings", f"Trust {trust_id} added.")


@routes.page("/settings/trusts/{trust_id:int}/remove", Action.CHANGE_SETTINGS)
def remove_trust_page(visit: Visit) -> Response:
    """Ask before a trust is removed."""
    trust_id = visit.id("trust_id")
    for view in _views(visit):
        if view.id == trust_id:
            return visit.render("settings/trust_remove.html", trust=view)
    raise not_found()


@routes.form("/settings/trusts/{trust_id:int}/remove", Action.CHANGE_SETTINGS)
def remove_trust(visit: Visit) -> Response:
    """Remove a trust, and revoke the keys that were made by it."""
    removed = _remove(visit)
    return visit.redirect("/settings", f"Trust removed. Keys revoked: {removed.revoked_keys}.")


@routes.call("GET", "/api/v1/trusts", Action.SEE_TRUSTS, answer=TrustsAnswer)
def get_trusts(visit: Visit) -> Response:
    """List trusts: whose ID tokens become keys."""
    return visit.answer(TrustsAnswer(_views(visit)))


@routes.call(
    "POST",
    "/api/v1/trusts",
    Action.CHANGE_SETTINGS,
    answer=AddedTrustAnswer,
    body=TrustBody,
)
def post_trust(visit: Visit) -> Response:
    """Trust ID tokens of an issuer that are for this server and have these claims."""
    return visit.answer(AddedTrustAnswer(_add(visit)))


@routes.call(
    "DELETE",
    "/api/v1/trusts/{trust_id:int}",
    Action.CHANGE_SETTINGS,
    answer=RemovedTrustAnswer,
)
def delete_trust(visit: Visit) -> Response:
    """Remove a trust, and revoke the keys that were made by it."""
    return visit.answer(_remove(visit))


def _add(visit: Visit) -> int:
    try:
        new = trusts.new_trust(**vars(visit.read(TrustBody)))
        return trusts.add_trust(visit.database, new, visit.person)
    except TrustRefusedError as error:
        raise field_refusal(error.field, error) from None


def _remove(visit: Visit) -> RemovedTrustAnswer:
    trust_id = visit.id("trust_id")
    try:
        revoked = trusts.remove_trust(visit.database, trust_id, visit.person)
    except AdministrationError:
        raise not_found() from None
    return RemovedTrustAnswer(trust_id, revoked)


def _form_page(visit: Visit, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    status = 422 if faults else 200
    typed = visit.typed(TrustBody("", "", ""))
    return visit.render(
        "settings/trust_new.html", status, typed=typed, faults=faults, purposes=PURPOSES
    )


def _views(visit: Visit) -> tuple[TrustView, ...]:
    return tuple(_view(each) for each in trusts.overviews(visit.database))


def _view(overview: TrustOverview) -> TrustView:
    trust = overview.trust
    return TrustView(
        trust.id,
        trust.issuer,
        trust.audience,
        tuple(map(str, trust.rules)),
        trust.user,
        trust.purpose,
        trust.life_seconds,
        trust.jwks is None,
        trust.created_at_utc,
        trust.added_by,
        overview.last_exchange_at_utc,
    )
