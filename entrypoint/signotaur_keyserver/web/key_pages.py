"""One key: its lineage, who still uses it, and everything that is done with it."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import key_changes, key_overview
from signotaur_keyserver.service.key_changes import CreatedKey
from signotaur_keyserver.service.policies import policy_of
from signotaur_keyserver.web.key_list_pages import NewKeyAnswer, actor_of, lifetime_options
from signotaur_keyserver.web.key_views import KeyView, LinkView, key_view, link_view
from signotaur_keyserver.web.routes import AfterChange, Routes
from signotaur_keyserver.web.visit import Visit, faults_of

routes = Routes()

_NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class KeyAnswer:
    """A key with its lineage, newest first."""

    key: KeyView
    lineage: tuple[LinkView, ...]


@dataclass(frozen=True)
class KeyStateBody:
    """Whether a key is accepted."""

    enabled: bool


@dataclass(frozen=True)
class RegenerationBody:
    """How a key is replaced at once."""

    change_expiry: bool = False
    lifetime_days: int | None = None
    """With ``changeExpiry``: 30, 60, 90, 180 or 365; null: it never expires."""


@dataclass(frozen=True)
class DeletedAnswer:
    """A key that was deleted: it is not listed any more."""

    deleted_key_id: int


@routes.page("/keys/{key_id:int}", Action.SEE_KEYS)
def key_page(visit: Visit) -> Response:
    """Show a key with its lineage."""
    return lineage_page(visit)


@routes.page("/keys/{key_id:int}/revoke", Action.CHANGE_KEYS)
def revoke_page(visit: Visit) -> Response:
    """Ask before a key is revoked."""
    return page_about(visit, "keys/revoke.html")


@routes.page("/keys/{key_id:int}/delete", Action.CHANGE_KEYS)
def delete_page(visit: Visit) -> Response:
    """Ask before a key is deleted."""
    return page_about(visit, "keys/delete.html")


@routes.page("/keys/{key_id:int}/regenerate", Action.CHANGE_KEYS)
def regenerate_page(visit: Visit) -> Response:
    """Ask before a key is replaced at once."""
    return _regenerate_page(visit, RegenerationBody())


@routes.form("/keys/{key_id:int}/regenerate", Action.CHANGE_KEYS)
def regenerate_key(visit: Visit) -> Response:
    """Replace a key at once. The page that answers is the only one that shows the new one."""
    body = visit.read(RegenerationBody)
    key = key_of_path(visit)
    try:
        made = _regenerate(visit, body)
    except RefusedError as refused:
        return _regenerate_page(visit, body, faults_of(refused))
    return visit.render("keys/created.html", key_id=made.key_id, name=key.name, text=made.text)


@routes.call("GET", "/api/v1/keys/{key_id:int}", Action.SEE_KEYS, answer=KeyAnswer)
def get_key(visit: Visit) -> Response:
    """Describe a key with its lineage, and who used each old key after its confirmation."""
    return visit.answer(key_answer(visit))


@routes.call(
    "POST",
    "/api/v1/keys/{key_id:int}/regeneration",
    Action.CHANGE_KEYS,
    answer=NewKeyAnswer,
    body=RegenerationBody,
)
def post_regeneration(visit: Visit) -> Response:
    """Replace a key at once, without an overlap. The answer is the only one with the new key."""
    made = _regenerate(visit, visit.read(RegenerationBody))
    return visit.answer(NewKeyAnswer(made.key_id, made.text))


def _regenerate(visit: Visit, body: RegenerationBody) -> CreatedKey:
    return key_changes.regenerate(
        visit.database,
        actor_of(visit),
        visit.id("key_id"),
        body.lifetime_days,
        change_expiry=body.change_expiry,
    )


def key_of_path(visit: Visit) -> KeyView:
    """Return the key of the path. Raises RefusedError before anything of the body is judged."""
    lineage = key_overview.describe_lineage(visit.database, visit.owner_id, visit.id("key_id"))
    return key_view(lineage.key, lineage.status, lineage.now)


def key_answer(visit: Visit) -> KeyAnswer:
    """Describe the key of the path."""
    lineage = key_overview.describe_lineage(visit.database, visit.owner_id, visit.id("key_id"))
    links = tuple(link_view(link, lineage.now) for link in lineage.links)
    return KeyAnswer(key_view(lineage.key, lineage.status, lineage.now), links)


def lineage_page(visit: Visit, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    """Show the key of the path with its lineage."""
    return page_about(visit, "keys/one.html", 422 if faults else 200, faults=faults)


def _regenerate_page(
    visit: Visit, body: RegenerationBody, faults: Mapping[str, str] = _NO_FAULTS
) -> Response:
    return page_about(
        visit,
        "keys/regenerate.html",
        422 if faults else 200,
        body=body,
        faults=faults,
        lifetimes=lifetime_options(),
    )


def page_about(visit: Visit, template: str, status: int = 200, **values: object) -> Response:
    """Return a page about the key of the path."""
    lineage = key_overview.describe_lineage(visit.database, visit.owner_id, visit.id("key_id"))
    links = [link_view(link, lineage.now) for link in lineage.links]
    this = next(link for link in links if link.key.id == lineage.key.id)
    old = next((each for each in links if each.key.id == this.key.rotated_from_key_id), None)
    shown = {"faults": _NO_FAULTS, **values}
    return visit.render(
        template,
        status,
        key=this.key,
        made_by=this.rotation,
        old=old,
        links=links,
        now=lineage.now,
        may_change=visit.may_change(Action.CHANGE_KEYS, lineage.key.owner_id),
        may_change_policy=visit.may(Action.CHANGE_KEY_POLICIES),
        policy=policy_of(lineage.key),
        **shown,
    )


AFTER = AfterChange(
    lambda visit, message: visit.redirect(f"/keys/{visit.id('key_id')}", message),
    KeyAnswer,
    key_answer,
)
"""What follows a change of the key of the path."""


@routes.change("PUT", "/keys/{key_id:int}/state", Action.CHANGE_KEYS, AFTER, body=KeyStateBody)
def put_state(visit: Visit) -> str:
    """Enable or disable a key."""
    key = key_of_path(visit)
    enabled = visit.read(KeyStateBody).enabled
    key_changes.set_enabled(visit.database, actor_of(visit), key.id, enabled=enabled)
    return "Key enabled." if enabled else "Key disabled."


@routes.change(
    "POST",
    "/keys/{key_id:int}/revocation",
    Action.CHANGE_KEYS,
    AFTER,
    form="/keys/{key_id:int}/revoke",
)
def post_revocation(visit: Visit) -> str:
    """Revoke a key at once. This cannot be undone; it can be repeated."""
    revoked = key_changes.revoke(visit.database, actor_of(visit), visit.id("key_id"))
    return "Key revoked." if revoked else "The key was revoked before."


@routes.change(
    "DELETE",
    "/keys/{key_id:int}",
    Action.CHANGE_KEYS,
    AfterChange(
        lambda visit, message: visit.redirect("/keys", message),
        DeletedAnswer,
        lambda visit: DeletedAnswer(visit.id("key_id")),
    ),
    form="/keys/{key_id:int}/delete",
)
def delete_one(visit: Visit) -> str:
    """No longer list a key that was revoked or has expired."""
    key_changes.delete(visit.database, actor_of(visit), visit.id("key_id"))
    return "Key deleted."
