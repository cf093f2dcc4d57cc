"""The policy of one key: what it is to everybody who sees the key, and a form to change it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from starlette.responses import Response

from signotaur_keyserver.api.schemas import camel
from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.policy import Purpose
from signotaur_keyserver.domain.refusals import RefusedError, invalid_fields, not_found
from signotaur_keyserver.service import policies
from signotaur_keyserver.service.policies import KeyPolicy, PolicyRefusedError
from signotaur_keyserver.web.key_pages import key_of_path, page_about
from signotaur_keyserver.web.policy_pages import PolicyBody, body_of, field_refusal, split
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of

routes = Routes()

PURPOSES = (
    (Purpose.ANY.value, "rotate and sign"),
    (Purpose.ROTATE.value, "rotate only"),
    (Purpose.SIGN.value, "sign only"),
)
_NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class KeyPolicyBody:
    """What a key's own policy says. Null, and no networks: as the server's policy."""

    purpose: str = Purpose.ANY.value
    """``any``, ``rotate`` or ``sign``."""
    overlap_days_min: int | None = None
    overlap_days_max: int | None = None
    networks: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    signatures_per_hour: int | None = None


@dataclass(frozen=True)
class KeyPolicyAnswer:
    """What a key's own policy says, and what follows from it and the server's."""

    own: KeyPolicyBody
    effective: PolicyBody


@routes.page("/keys/{key_id:int}/policy", Action.CHANGE_KEY_POLICIES)
def key_policy_page(visit: Visit) -> Response:
    """Show the form of a key's policy."""
    body = _own(policies.show_key_policy(visit.database, key_of_path(visit).id))
    typed = {camel(name): "" if value is None else value for name, value in vars(body).items()}
    return _page(visit, typed | {"networks": "\n".join(body.networks)})


@routes.form("/keys/{key_id:int}/policy", Action.CHANGE_KEY_POLICIES)
def change_key_policy(visit: Visit) -> Response:
    """Change a key's policy. What it limits holds at the next request."""
    key = key_of_path(visit)
    try:
        body = visit.read(KeyPolicyBody)
        _change(visit, replace(body, networks=split(body.networks)))
    except RefusedError as refused:
        pairs: Any = visit.body
        return _page(visit, dict(pairs), faults_of(refused))
    return visit.redirect(f"/keys/{key.id}", "Policy saved.")


@routes.call("GET", "/api/v1/keys/{key_id:int}/policy", Action.SEE_KEYS, answer=KeyPolicyAnswer)
def get_key_policy(visit: Visit) -> Response:
    """Return a key's policy."""
    key = key_of_path(visit)
    return visit.answer(_answer(policies.show_key_policy(visit.database, key.id)))


@routes.call(
    "PUT",
    "/api/v1/keys/{key_id:int}/policy",
    Action.CHANGE_KEY_POLICIES,
    answer=KeyPolicyAnswer,
    body=KeyPolicyBody,
)
def put_key_policy(visit: Visit) -> Response:
    """Replace a key's policy: where a member is left out, the server's policy counts again."""
    return visit.answer(_answer(_change(visit, visit.read(KeyPolicyBody))))


def _change(visit: Visit, body: KeyPolicyBody) -> KeyPolicy:
    key = key_of_path(visit)
    if key.deleted:
        raise not_found()
    if body.purpose not in list(Purpose):
        raise invalid_fields({"purpose": "There is no such purpose."})
    changes = vars(body) | {"networks": list(body.networks) or None}
    try:
        return policies.set_key_policy(visit.database, key.id, by=visit.person, **changes)
    except PolicyRefusedError as refused:
        raise field_refusal(refused) from None


def _page(
    visit: Visit, typed: Mapping[str, object], faults: Mapping[str, str] = _NO_FAULTS
) -> Response:
    known: dict[str, object] = {camel(field.name): "" for field in fields(KeyPolicyBody)}
    status = 422 if faults else 200
    shown = known | dict(typed)
    return page_about(
        visit, "keys/policy.html", status, typed=shown, faults=faults, purposes=PURPOSES
    )


def _own(policy: KeyPolicy) -> KeyPolicyBody:
    own: dict[str, Any] = dict(policy.own)
    return KeyPolicyBody(policy.purpose.value, **own | {"networks": tuple(own.get("networks", ()))})


def _answer(policy: KeyPolicy) -> KeyPolicyAnswer:
    return KeyPolicyAnswer(_own(policy), body_of(policy.effective))
