"""Events: newest first, by level and text, by user and key; as text and as JSON lines."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.events import Level
from signotaur_keyserver.domain.refusals import RefusedError, invalid_fields
from signotaur_keyserver.service import event_log
from signotaur_keyserver.store.events import EventFilter, StoredEvent
from signotaur_keyserver.web import messages
from signotaur_keyserver.web.rendering import visible
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of
from signotaur_wire.members import Json, format_time

routes = Routes()

_PER_PAGE = 50
_LEVELS = tuple(level.value for level in Level)


@dataclass(frozen=True)
class EventQuery:
    """Which events are shown."""

    level: str | None = None
    text: str | None = None
    """Part of the message or of the type."""
    user: int | None = None
    key: int | None = None
    before: int | None = None
    """Only events that are older than the one of this id."""


@dataclass(frozen=True)
class EventView:
    """One event."""

    id: int
    at: datetime
    level: str
    type: str
    message: str
    user_id: int | None
    key_id: int | None
    rotation_id: str | None
    source: str | None
    data: Json


@dataclass(frozen=True)
class EventsAnswer:
    """Events, newest first."""

    events: tuple[EventView, ...]
    next_before: int | None
    """For ``before`` of the next request; null: there are no older ones."""


@routes.page("/events", Action.SEE_EVENTS)
def events_page(visit: Visit) -> Response:
    """Show a page of events."""
    try:
        query = visit.query(EventQuery)
        answer = _answer(visit, query)
    except RefusedError as refused:
        typed = dict(visit.request.query_params)
        fields = {**dict.fromkeys(("level", "text", "user", "key")), **typed}
        return _page(visit, fields, EventsAnswer((), None), faults=faults_of(refused))
    return _page(visit, asdict(query), answer)


@routes.page("/events.txt", Action.SEE_EVENTS)
def events_text(visit: Visit) -> Response:
    """Return the events of a query as text, newest first."""
    return _download(visit, "events.txt", "text/plain; charset=utf-8", _as_text)


@routes.page("/events.jsonl", Action.SEE_EVENTS)
def events_json_lines(visit: Visit) -> Response:
    """Return the events of a query as JSON lines, newest first."""
    return _download(visit, "events.jsonl", "application/jsonl", _as_json_line)


@routes.call("GET", "/api/v1/events", Action.SEE_EVENTS, answer=EventsAnswer, query=EventQuery)
def get_events(visit: Visit) -> Response:
    """Return events, newest first; others' events only to administrators and auditors."""
    return visit.answer(_answer(visit, visit.query(EventQuery)))


def _page(visit: Visit, query: Json, answer: EventsAnswer, **more: object) -> Response:
    filters = {name: value for name, value in query.items() if value not in (None, "")}
    filters.pop("before", None)
    return visit.render(
        "events.html",
        422 if more else 200,
        answer=answer,
        query=query,
        levels=[("", "All levels"), *((level, level) for level in _LEVELS)],
        search=urlencode(filters),
        older=urlencode({**filters, "before": answer.next_before}),
        is_first=query.get("before") is None,
        sees_all=visit.owner_id is None,
        **more,
    )


def _answer(visit: Visit, query: EventQuery) -> EventsAnswer:
    # One more than is shown says whether there are older ones.
    entries = event_log.search(visit.database, _event_filter(visit, query), _PER_PAGE + 1)
    views = tuple(_view(entry) for entry in entries[:_PER_PAGE])
    return EventsAnswer(views, views[-1].id if len(entries) > _PER_PAGE else None)


def _event_filter(visit: Visit, query: EventQuery) -> EventFilter:
    if query.level is not None and query.level not in _LEVELS:
        raise invalid_fields({"level": "There is no such level."})
    return EventFilter(
        level=query.level,
        text=query.text,
        user_id=query.user,
        key_id=query.key,
        before=query.before,
        owner_id=visit.owner_id,
    )


def _download(
    visit: Visit, name: str, media_type: str, line_of: Callable[[EventView], str]
) -> Response:
    event_filter = _event_filter(visit, visit.query(EventQuery))

    def lines() -> Iterator[str]:
        for entry in event_log.walk(visit.database, event_filter):
            yield line_of(_view(entry))

    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type=media_type, headers=headers)


def _as_text(event: EventView) -> str:
    source = f" (from {event.source})" if event.source else ""
    message = visible(f"{event.message}{source}")
    return f"{format_time(event.at)}  {event.level:<11}  {event.type:<26}  {message}\n"


def _as_json_line(event: EventView) -> str:
    return json.dumps(messages.to_json(event)) + "\n"


def _view(entry: StoredEvent) -> EventView:
    event = entry.event
    return EventView(
        entry.id,
        entry.at_utc,
        event.level,
        event.type,
        event.message,
        event.user_id,
        event.key_id,
        None if event.rotation_id is None else str(event.rotation_id),
        event.source,
        event.data,
    )
