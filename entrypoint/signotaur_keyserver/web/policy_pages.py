"""The server's policy: a section of the settings, and its form for administrators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from starlette.responses import Response

from signotaur_keyserver.api.schemas import camel
from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.policy import Policy
from signotaur_keyserver.domain.refusals import RefusedError, invalid_fields
from signotaur_keyserver.service import policies
from signotaur_keyserver.service.policies import PolicyRefusedError
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of

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
    body = body_of(policies.show_policy(visit.database))
    typed = {camel(name): "" if value is None else value for name, value in vars(body).items()}
    return _page(visit, typed | {"networks": "\n".join(body.networks)})


@routes.form("/settings/policy", Action.CHANGE_SETTINGS)
def change_policy(visit: Visit) -> Response:
    """Change the policy. What it limits holds at the next request."""
    try:
        body = visit.read(PolicyBody)
        _change(visit, replace(body, networks=split(body.networks)))
    except RefusedError as refused:
        pairs: Any = visit.body
        return _page(visit, dict(pairs), faults_of(refused))
    return visit.redirect("/settings", "Policy saved.")


@routes.call("GET", "/api/v1/settings/policy", Action.SEE_SETTINGS, answer=PolicyBody)
def get_policy(visit: Visit) -> Response:
    """Return the server's policy."""
    return visit.answer(body_of(policies.show_policy(visit.database)))


@routes.call(
    "PUT",
    "/api/v1/settings/policy",
    Action.CHANGE_SETTINGS,
    answer=PolicyBody,
    body=PolicyBody,
)
def put_policy(visit: Visit) -> Response:
    """Replace the server's policy: a member that is left out does not limit any more."""
    return visit.answer(body_of(_change(visit, visit.read(PolicyBody))))


def _change(visit: Visit, body: PolicyBody) -> Policy:
    changes = vars(body) | {"networks": body.networks or None}
    try:
        return policies.set_policy(visit.database, by=visit.person, **changes)
    except PolicyRefusedError as refused:
        raise field_refusal(refused) from None


def field_refusal(refused: PolicyRefusedError) -> RefusedError:
    """Return the refusal that names the field at fault."""
    text = str(refused)
    return invalid_fields({camel(refused.field): f"{text[:1].upper()}{text[1:]}."})


def split(networks: Sequence[str]) -> tuple[str, ...]:
    """Return the networks of a form, which are one on each line."""
    return tuple(" ".join(networks).split())


def _page(
    visit: Visit, typed: Mapping[str, object], faults: Mapping[str, str] = _NO_FAULTS
) -> Response:
    known: dict[str, object] = {camel(field.name): "" for field in fields(PolicyBody)}
    status = 422 if faults else 200
    return visit.render(
        "settings/policy_form.html", status, typed=known | dict(typed), faults=faults
    )


def body_of(policy: Policy) -> PolicyBody:
    """Describe a policy."""
    return PolicyBody(**vars(policy) | {"networks": policy.networks or ()})
