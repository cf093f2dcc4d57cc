"""The server's policy: a section of the settings, and its form for administrators."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.policy import Policy
from signotaur_keyserver.service import policies
from signotaur_keyserver.service.policies import PolicyRefusedError
from signotaur_keyserver.web.messages import field_refusal
from signotaur_keyserver.web.routes import AfterChange, Routes
from signotaur_keyserver.web.visit import Visit

routes = Routes()

_NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class PolicyBody:
    """What all keys may do. Null, and no networks: no limit."""

    expiry_required: bool = False
    longest_life_days: int | None = None
    overlap_days_min: int | None = None
    overlap_days_max: int | None = None
    networks: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    signatures_per_hour: int | None = None


@dataclass(frozen=True)
class PolicySection:
    """What the settings show."""

    policy: PolicyBody
    may_change: bool


def section(visit: Visit) -> PolicySection:
    """Return what the settings show of the policy."""
    policy = body_of(policies.show_policy(visit.database))
    return PolicySection(policy, visit.may(Action.CHANGE_SETTINGS))


@routes.page("/settings/policy", Action.CHANGE_SETTINGS)
def policy_page(visit: Visit) -> Response:
    """Show the form of the policy."""
    return _page(visit)


@routes.call("GET", "/api/v1/settings/policy", Action.SEE_SETTINGS, answer=PolicyBody)
def get_policy(visit: Visit) -> Response:
    """Return the server's policy."""
    return visit.answer(_body(visit))


def _body(visit: Visit) -> PolicyBody:
    return body_of(policies.show_policy(visit.database))


def _page(visit: Visit, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    status = 422 if faults else 200
    typed = visit.typed(_body(visit))
    return visit.render("settings/policy_form.html", status, typed=typed, faults=faults)


@routes.change(
    "PUT",
    "/settings/policy",
    Action.CHANGE_SETTINGS,
    AfterChange(
        lambda visit, message: visit.redirect("/settings", message), PolicyBody, _body, _page
    ),
    body=PolicyBody,
)
def put_policy(visit: Visit) -> str:
    """Replace the server's policy: a member that is left out does not limit any more."""
    body = visit.read(PolicyBody)
    changes = vars(body) | {"networks": body.networks or None}
    try:
        policies.set_policy(visit.database, by=visit.person, **changes)
    except PolicyRefusedError as refused:
        raise field_refusal(refused.field, refused) from None
    return "Policy saved."


def body_of(policy: Policy) -> PolicyBody:
    """Describe a policy."""
    return PolicyBody(**vars(policy) | {"networks": policy.networks or ()})
