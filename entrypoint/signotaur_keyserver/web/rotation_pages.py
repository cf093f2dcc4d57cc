"""Rotations: stalled, open, in overlap, over."""

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.key_status import Phase
from signotaur_keyserver.domain.refusals import invalid_fields
from signotaur_keyserver.service import rotation_overview
from signotaur_keyserver.store.rotation_list import ListedRotation
from signotaur_keyserver.web.key_views import RotationView, rotation_view
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit

routes = Routes()


@dataclass(frozen=True)
class RotationQuery:
    """Which rotations are listed: stalled, open, overlap or over; empty: all."""

    phase: str = ""


@dataclass(frozen=True)
class ListedRotationView:
    """A rotation in a list."""

    rotation: RotationView
    phase: Phase
    key_name: str
    owner_id: int
    owner: str
    old_key_revokes_at: datetime | None
    old_key_last_used_at: datetime | None


@dataclass(frozen=True)
class PhaseCount:
    """How many rotations are in a phase."""

    phase: Phase
    rotations: int


@dataclass(frozen=True)
class RotationsAnswer:
    """The latest 100 rotations of each phase that was asked for."""

    rotations: tuple[ListedRotationView, ...]
    counts: tuple[PhaseCount, ...]


@routes.page("/rotations", Action.SEE_ROTATIONS)
def rotations_page(visit: Visit) -> Response:
    """List rotations."""
    return visit.render(
        "rotations.html",
        answer=_answer(visit),
        query=visit.query(RotationQuery),
        sees_all=visit.owner_id is None,
    )


@routes.call(
    "GET",
    "/api/v1/rotations",
    Action.SEE_ROTATIONS,
    answer=RotationsAnswer,
    query=RotationQuery,
)
def get_rotations(visit: Visit) -> Response:
    """List rotations, the latest first; others' only to administrators and auditors."""
    return visit.answer(_answer(visit))


def _answer(visit: Visit) -> RotationsAnswer:
    text = visit.query(RotationQuery).phase
    try:
        phase = Phase(text) if text else None
    except ValueError:
        raise invalid_fields({"phase": "There is no such phase."}) from None
    page = rotation_overview.list_rotations(visit.database, visit.owner_id, phase)
    return RotationsAnswer(
        tuple(_view(each, page.now) for each in page.rotations),
        tuple(PhaseCount(each, amount) for each, amount in page.counts.items()),
    )


def _view(listed: ListedRotation, now: datetime) -> ListedRotationView:
    return ListedRotationView(
        rotation_view(listed.rotation, now),
        listed.phase,
        listed.rotation.new_name,
        listed.owner_id,
        listed.owner,
        listed.old_revokes_at_utc,
        listed.old_last_used_at_utc,
    )
