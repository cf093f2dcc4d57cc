"""One key: its lineage, who still uses it, and everything that is done with it."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import key_changes, key_overview, overlap
from signotaur_keyserver.service.key_changes import Made
from signotaur_keyserver.web.key_list_pages import NewKeyAnswer, actor_of, lifetime_options
from signotaur_keyserver.web.key_views import KeyView, LinkView, key_view, link_view
from signotaur_keyserver.web.routes import Routes
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
class AbortBody:
    """How a rotation is aborted."""

    even_if_used: bool = False
    """For administrators: although the new key was used, and may be in a destination."""


@dataclass(frozen=True)
class ExtensionBody:
    """By how many days an overlap is extended."""

    days: int


@dataclass(frozen=True)
class DeletedAnswer:
    """A key that is no longer listed."""

    deleted_key_id: int


@routes.page("/keys/{key_id:int}", Action.SEE_KEYS)
def key_page(visit: Visit) -> Response:
    """Show a key with its lineage."""
    return _page(visit)


@routes.form("/keys/{key_id:int}/state", Action.CHANGE_KEYS)
def change_state(visit: Visit) -> Response:
    """Enable or disable a key."""
    body = visit.read(KeyStateBody)
    key_changes.set_enabled(
        visit.database, actor_of(visit), visit.id("key_id"), enabled=body.enabled
    )
    return _done(visit, "Key enabled." if body.enabled else "Key disabled.")


@routes.page("/keys/{key_id:int}/revoke", Action.CHANGE_KEYS)
def revoke_page(visit: Visit) -> Response:
    """Ask before a key is revoked."""
    return _asked(visit, "keys/revoke.html")


@routes.form("/keys/{key_id:int}/revoke", Action.CHANGE_KEYS)
def revoke_key(visit: Visit) -> Response:
    """Revoke a key."""
    revoked = key_changes.revoke(visit.database, actor_of(visit), visit.id("key_id"))
    return _done(visit, "Key revoked." if revoked else "The key was revoked before.")


@routes.page("/keys/{key_id:int}/delete", Action.CHANGE_KEYS)
def delete_page(visit: Visit) -> Response:
    """Ask before a key is deleted."""
    return _asked(visit, "keys/delete.html")


@routes.form("/keys/{key_id:int}/delete", Action.CHANGE_KEYS)
def delete_key(visit: Visit) -> Response:
    """Delete a dead key."""
    key_changes.delete(visit.database, actor_of(visit), visit.id("key_id"))
    return visit.redirect("/keys", "Key deleted.")


@routes.page("/keys/{key_id:int}/regenerate", Action.CHANGE_KEYS)
def regenerate_page(visit: Visit) -> Response:
    """Ask before a key is replaced at once."""
    return _regenerate_page(visit, RegenerationBody())


@routes.form("/keys/{key_id:int}/regenerate", Action.CHANGE_KEYS)
def regenerate_key(visit: Visit) -> Response:
    """Replace a key at once. The page that answers is the only one that shows the new one."""
    body = visit.read(RegenerationBody)
    key = _key(visit)
    try:
        made = _regenerate(visit, body)
    except RefusedError as refused:
        return _regenerate_page(visit, body, faults_of(refused))
    return visit.render("keys/created.html", key_id=made.key_id, name=key.name, text=made.text)


@routes.page("/keys/{key_id:int}/rotation/abort", Action.CHANGE_ROTATIONS)
def abort_page(visit: Visit) -> Response:
    """Ask before a rotation is aborted."""
    return _asked(visit, "keys/abort.html", may_force=visit.owner_id is None)


@routes.form("/keys/{key_id:int}/rotation/abort", Action.CHANGE_ROTATIONS)
def abort_rotation(visit: Visit) -> Response:
    """Abort the rotation that made a key."""
    _abort(visit)
    return _done(visit, "Rotation aborted. Its new key is revoked.")


@routes.form("/keys/{key_id:int}/rotation/extension", Action.CHANGE_ROTATIONS)
def extend_overlap(visit: Visit) -> Response:
    """Extend the overlap of the rotation that made a key."""
    try:
        _extend(visit)
    except RefusedError as refused:
        return _page(visit, faults_of(refused))
    return _done(visit, "Overlap extended.")


@routes.page("/keys/{key_id:int}/rotation/end", Action.CHANGE_ROTATIONS)
def end_page(visit: Visit) -> Response:
    """Ask before an overlap is ended, and show who still uses the old key."""
    return _asked(visit, "keys/end_overlap.html")


@routes.form("/keys/{key_id:int}/rotation/end", Action.CHANGE_ROTATIONS)
def end_overlap(visit: Visit) -> Response:
    """End the overlap of the rotation that made a key."""
    overlap.end_overlap(visit.database, actor_of(visit), visit.id("key_id"))
    return _done(visit, "Overlap ended. The old key is revoked.")


@routes.call("GET", "/api/v1/keys/{key_id:int}", Action.SEE_KEYS, answer=KeyAnswer)
def get_key(visit: Visit) -> Response:
    """Describe a key with its lineage, and who used each old key after its confirmation."""
    return visit.answer(_answer(visit))


@routes.call(
    "PUT",
    "/api/v1/keys/{key_id:int}/state",
    Action.CHANGE_KEYS,
    answer=KeyAnswer,
    body=KeyStateBody,
)
def put_state(visit: Visit) -> Response:
    """Enable or disable a key."""
    _key(visit)
    enabled = visit.read(KeyStateBody).enabled
    key_changes.set_enabled(visit.database, actor_of(visit), visit.id("key_id"), enabled=enabled)
    return visit.answer(_answer(visit))


@routes.call("POST", "/api/v1/keys/{key_id:int}/revocation", Action.CHANGE_KEYS, answer=KeyAnswer)
def post_revocation(visit: Visit) -> Response:
    """Revoke a key at once. This cannot be undone; it can be repeated."""
    key_changes.revoke(visit.database, actor_of(visit), visit.id("key_id"))
    return visit.answer(_answer(visit))


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


@routes.call("DELETE", "/api/v1/keys/{key_id:int}", Action.CHANGE_KEYS, answer=DeletedAnswer)
def delete_one(visit: Visit) -> Response:
    """No longer list a key that was revoked or has expired."""
    key_changes.delete(visit.database, actor_of(visit), visit.id("key_id"))
    return visit.answer(DeletedAnswer(visit.id("key_id")))


@routes.call(
    "POST",
    "/api/v1/keys/{key_id:int}/rotation/abort",
    Action.CHANGE_ROTATIONS,
    answer=KeyAnswer,
    body=AbortBody,
)
def post_abort(visit: Visit) -> Response:
    """Abort the rotation that made this key; the key is revoked."""
    _abort(visit)
    return visit.answer(_answer(visit))


@routes.call(
    "POST",
    "/api/v1/keys/{key_id:int}/rotation/extension",
    Action.CHANGE_ROTATIONS,
    answer=KeyAnswer,
    body=ExtensionBody,
)
def post_extension(visit: Visit) -> Response:
    """Extend the overlap of the rotation that made this key: once, up to 30 days in all."""
    _extend(visit)
    return visit.answer(_answer(visit))


@routes.call(
    "POST",
    "/api/v1/keys/{key_id:int}/rotation/end",
    Action.CHANGE_ROTATIONS,
    answer=KeyAnswer,
)
def post_end(visit: Visit) -> Response:
    """End the overlap of the rotation that made this key: the old key is revoked now."""
    overlap.end_overlap(visit.database, actor_of(visit), visit.id("key_id"))
    return visit.answer(_answer(visit))


def _regenerate(visit: Visit, body: RegenerationBody) -> Made:
    return key_changes.regenerate(
        visit.database,
        actor_of(visit),
        visit.id("key_id"),
        body.lifetime_days,
        change_expiry=body.change_expiry,
    )


def _abort(visit: Visit) -> None:
    key = _key(visit)
    even_if_used = visit.read(AbortBody).even_if_used
    overlap.abort(visit.database, actor_of(visit), key.id, even_if_used=even_if_used)


def _extend(visit: Visit) -> None:
    key = _key(visit)
    days = visit.read(ExtensionBody).days
    overlap.extend_overlap(visit.database, actor_of(visit), key.id, days)


def _done(visit: Visit, message: str) -> Response:
    return visit.redirect(f"/keys/{visit.id('key_id')}", message)


def _key(visit: Visit) -> KeyView:
    """Return the key of the path. Raises RefusedError before anything of the body is judged."""
    found = key_overview.describe_lineage(visit.database, visit.owner_id, visit.id("key_id"))
    return key_view(found.key, found.standing, found.now)


def _answer(visit: Visit) -> KeyAnswer:
    found = key_overview.describe_lineage(visit.database, visit.owner_id, visit.id("key_id"))
    links = tuple(link_view(link, found.now) for link in found.links)
    return KeyAnswer(key_view(found.key, found.standing, found.now), links)


def _page(visit: Visit, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    return _asked(visit, "keys/one.html", 422 if faults else 200, faults=faults)


def _regenerate_page(
    visit: Visit, body: RegenerationBody, faults: Mapping[str, str] = _NO_FAULTS
) -> Response:
    return _asked(
        visit,
        "keys/regenerate.html",
        422 if faults else 200,
        body=body,
        faults=faults,
        lifetimes=lifetime_options(),
    )


def _asked(visit: Visit, template: str, status: int = 200, **values: object) -> Response:
    """Return a page about the key of the path."""
    found = key_overview.describe_lineage(visit.database, visit.owner_id, visit.id("key_id"))
    links = [link_view(link, found.now) for link in found.links]
    this = next(link for link in links if link.key.id == found.key.id)
    old = next((each for each in links if each.key.id == this.key.rotated_from_key_id), None)
    shown = {"faults": _NO_FAULTS, **values}
    return visit.render(
        template,
        status,
        key=this.key,
        made_by=this.rotation,
        old=old,
        links=links,
        now=found.now,
        may_change=visit.may_change(Action.CHANGE_KEYS, found.key.owner_id),
        **shown,
    )
