"""What is done with the rotation that made a key: abort it, extend its overlap, end it."""

from dataclasses import dataclass, replace

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.service import overlap_changes
from signotaur_keyserver.web.key_list_pages import actor_of
from signotaur_keyserver.web.key_pages import (
    AFTER,
    key_of_path,
    lineage_page,
    page_about,
)
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit

routes = Routes()

_ROTATION = "/keys/{key_id:int}/rotation"


@dataclass(frozen=True)
class AbortBody:
    """How a rotation is aborted."""

    even_if_used: bool = False
    """For administrators: although the new key was used, and may be in a destination."""


@dataclass(frozen=True)
class ExtensionBody:
    """By how many days an overlap is extended."""

    days: int


@routes.page(f"{_ROTATION}/abort", Action.CHANGE_ROTATIONS)
def abort_page(visit: Visit) -> Response:
    """Ask before a rotation is aborted."""
    return page_about(visit, "keys/abort.html", may_force=visit.owner_id is None)


@routes.page(f"{_ROTATION}/end", Action.CHANGE_ROTATIONS)
def end_page(visit: Visit) -> Response:
    """Ask before an overlap is ended, and show who still uses the old key."""
    return page_about(visit, "keys/end_overlap.html")


@routes.change("POST", f"{_ROTATION}/abort", Action.CHANGE_ROTATIONS, AFTER, body=AbortBody)
def post_abort(visit: Visit) -> str:
    """Abort the rotation that made this key; the key is revoked."""
    key = key_of_path(visit)
    even_if_used = visit.read(AbortBody).even_if_used
    overlap_changes.abort(visit.database, actor_of(visit), key.id, even_if_used=even_if_used)
    return "Rotation aborted. Its new key is revoked."


@routes.change(
    "POST",
    f"{_ROTATION}/extension",
    Action.CHANGE_ROTATIONS,
    replace(AFTER, again=lineage_page),
    body=ExtensionBody,
)
def post_extension(visit: Visit) -> str:
    """Extend the overlap of the rotation that made this key: once, up to 30 days in all."""
    key = key_of_path(visit)
    days = visit.read(ExtensionBody).days
    overlap_changes.extend_overlap(visit.database, actor_of(visit), key.id, days)
    return "Overlap extended."


@routes.change("POST", f"{_ROTATION}/end", Action.CHANGE_ROTATIONS, AFTER)
def post_end(visit: Visit) -> str:
    """End the overlap of the rotation that made this key: the old key is revoked now."""
    overlap_changes.end_overlap(visit.database, actor_of(visit), visit.id("key_id"))
    return "Overlap ended. The old key is revoked."
