"""The policy of one key: what it is to everybody who sees the key, and a form to change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.policy import Purpose
from signotaur_keyserver.domain.refusals import invalid_fields, not_found
from signotaur_keyserver.service import policies
from signotaur_keyserver.service.policies import PolicyRefusedError
from signotaur_keyserver.web.key_pages import key_of_path, page_about
from signotaur_keyserver.web.messages import field_refusal
from signotaur_keyserver.web.policy_pages import PolicyBody, body_of
from signotaur_keyserver.web.routes import AfterChange, Routes
from signotaur_keyserver.web.visit import Visit

routes = Routes()

PURPOSES = (
    (Purpose.ANY.value, "rotate and sign"),
    (Purpose.ROTATE.value, "rotate only"),
    (Purpose.SIGN.value, "sign only"),
)
_NO_FAULTS: Mapping[str, str] = {}
_PATH = "/keys/{key_id:int}/policy"


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


@routes.page(_PATH, Action.CHANGE_KEY_POLICIES)
def key_policy_page(visit: Visit) -> Response:
    """Show the form of a key's policy."""
    return _page(visit)


@routes.call("GET", f"/api/v1{_PATH}", Action.SEE_KEYS, answer=KeyPolicyAnswer)
def get_key_policy(visit: Visit) -> Response:
    """Return a key's policy."""
    return visit.answer(_answer(visit))


def _answer(visit: Visit) -> KeyPolicyAnswer:
    policy = policies.show_key_policy(visit.database, key_of_path(visit).id)
    own: dict[str, Any] = dict(policy.own)
    own["networks"] = tuple(own.get("networks", ()))
    return KeyPolicyAnswer(KeyPolicyBody(policy.purpose.value, **own), body_of(policy.effective))


def _page(visit: Visit, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    status = 422 if faults else 200
    typed = visit.typed(_answer(visit).own)
    return page_about(
        visit, "keys/policy.html", status, typed=typed, faults=faults, purposes=PURPOSES
    )


def _back(visit: Visit, message: str) -> Response:
    return visit.redirect(f"/keys/{visit.id('key_id')}", message)


@routes.change(
    "PUT",
    _PATH,
    Action.CHANGE_KEY_POLICIES,
    AfterChange(_back, KeyPolicyAnswer, _answer, _page),
    body=KeyPolicyBody,
)
def put_key_policy(visit: Visit) -> str:
    """Replace a key's policy: where a member is left out, the server's policy counts again."""
    key = key_of_path(visit)
    if key.deleted:
        raise not_found()
    body = visit.read(KeyPolicyBody)
    if body.purpose not in list(Purpose):
        raise invalid_fields({"purpose": "There is no such purpose."})
    changes = vars(body) | {"networks": list(body.networks) or None}
    try:
        policies.set_key_policy(visit.database, key.id, by=visit.person, **changes)
    except PolicyRefusedError as refused:
        raise field_refusal(refused.field, refused) from None
    return "Policy saved."
