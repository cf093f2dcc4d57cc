"""What is done with the rotation that made a key: abort it, extend its overlap, end it."""

from dataclasses import dataclass

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service import overlap
from signotaur_keyserver.web.key_list_pages import actor_of
from signotaur_keyserver.web.key_pages import (
    KeyAnswer,
    back_to_key,
    key_answer,
    key_of_path,
    lineage_page,
    page_about,
)
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of

routes = Routes()


@dataclass(frozen=True)
class AbortBody:
    """How a rotation is aborted."""

    even_if_used: bool = False
    """For administrators: although the new key was used, and may be in a destination."""


@dataclass(frozen=True)
class ExtensionBody:
    """By how many days an overlap is extended."""

    days: int


@routes.page("/keys/{key_id:int}/rotation/abort", Action.CHANGE_ROTATIONS)
def abort_page(visit: Visit) -> Response:
    """Ask before a rotation is aborted."""
    return page_about(visit, "keys/abort.html", may_force=visit.owner_id is None)


@routes.form("/keys/{key_id:int}/rotation/abort", Action.CHANGE_ROTATIONS)
def abort_rotation(visit: Visit) -> Response:
    """Abort the rotation that made a key."""
    _abort(visit)
    return back_to_key(visit, "Rotation aborted. Its new key is revoked.")


@routes.form("/keys/{key_id:int}/rotation/extension", Action.CHANGE_ROTATIONS)
def extend_overlap(visit: Visit) -> Response:
    """Extend the overlap of the rotation that made a key."""
    try:
        _extend(visit)
    except RefusedError as refused:
        return lineage_page(visit, faults_of(refused))
    return back_to_key(visit, "Overlap extended.")


@routes.page("/keys/{key_id:int}/rotation/end", Action.CHANGE_ROTATIONS)
def end_page(visit: Visit) -> Response:
    """Ask before an overlap is ended, and show who still uses the old key."""
    return page_about(visit, "keys/end_overlap.html")


@routes.form("/keys/{key_id:int}/rotation/end", Action.CHANGE_ROTATIONS)
def end_overlap(visit: Visit) -> Response:
    """End the overlap of the rotation that made a key."""
    overlap.end_overlap(visit.database, actor_of(visit), visit.id("key_id"))
    return back_to_key(visit, "Overlap ended. The old key is revoked.")


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
    return visit.answer(key_answer(visit))


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
    return visit.answer(key_answer(visit))


@routes.call(
    "POST",
    "/api/v1/keys/{key_id:int}/rotation/end",
    Action.CHANGE_ROTATIONS,
    answer=KeyAnswer,
)
def post_end(visit: Visit) -> Response:
    """End the overlap of the rotation that made this key: the old key is revoked now."""
    overlap.end_overlap(visit.database, actor_of(visit), visit.id("key_id"))
    return visit.answer(key_answer(visit))


def _abort(visit: Visit) -> None:
    key = key_of_path(visit)
    even_if_used = visit.read(AbortBody).even_if_used
    overlap.abort(visit.database, actor_of(visit), key.id, even_if_used=even_if_used)


def _extend(visit: Visit) -> None:
    key = key_of_path(visit)
    days = visit.read(ExtensionBody).days
    overlap.extend_overlap(visit.database, actor_of(visit), key.id, days)
