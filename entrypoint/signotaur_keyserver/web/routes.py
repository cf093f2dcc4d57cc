"""How a page or a call is declared: with the one action of the table that decides it.

A route without an action cannot be declared. For each request, in this order: who is it, may
they, does the request come from our own page, what does it say; only then its handler runs.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from inspect import isawaitable, iscoroutinefunction
from typing import Any
from urllib.parse import parse_qsl, quote

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from signotaur_keyserver.api import openapi
from signotaur_keyserver.api.context import context_of
from signotaur_keyserver.api.schemas import message_schema
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.authorization import Action, Scope, VisitorKind, kind_of, scope_of
from signotaur_keyserver.service.sign_in import find_session
from signotaur_keyserver.web import protection
from signotaur_keyserver.web.visit import Visit, faults_of
from signotaur_wire.problems import Problem

Handler = Callable[[Visit], Response | Awaitable[Response]]
Change = Callable[[Visit], str]
"""Changes something and returns a message about it for a person."""

_SEE_OTHER = 303
_MAX_FIELDS = 5000
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_CHANGE_PASSWORD_FIRST = "Change your temporary password first."  # noqa: S105 - no password
_PROBLEMS: openapi.Problems = {
    **openapi.ALWAYS,
    401: (Problem.SIGN_IN_REQUIRED, Problem.SIGN_IN_REFUSED),
    403: (Problem.NOT_ALLOWED,),
    404: (Problem.NOT_FOUND,),
    409: (Problem.NOT_POSSIBLE, Problem.ROTATION_MISMATCH),
    422: (Problem.MALFORMED_REQUEST,),
}


@dataclass(frozen=True)
class Route:
    """One page, form or call."""

    method: str
    path: str
    action: Action
    handler: Handler
    needs_token: bool = True
    """Whether a change needs the CSRF token; without it, the body must be JSON."""

    @property
    def is_call(self) -> bool:
        """Whether scripts call it."""
        return self.path.startswith("/api/")

    @property
    def is_change(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET"


@dataclass(frozen=True)
class AfterChange:
    """What follows a change: for the form of a page, and for a call."""

    back: Callable[[Visit, str], Response]
    """Leads the browser on, with a message."""
    answer: type
    """Of the call: the dataclass that ``describe`` returns."""
    describe: Callable[[Visit], object]
    again: Callable[[Visit, Mapping[str, str]], Response] | None = None
    """Shows the form again, with what is wrong in its fields; None: an error page does."""


class Routes:
    """Collects the routes of one module, and describes its calls."""

    def __init__(self) -> None:
        self.router = APIRouter()
        self.all: list[Route] = []
        self.schemas: dict[str, Any] = {}

    def page(self, path: str, action: Action) -> Callable[[Handler], Handler]:
        """Declare a page: GET, which changes nothing."""
        return self._declared("GET", path, action, {"include_in_schema": False})

    def form(self, path: str, action: Action) -> Callable[[Handler], Handler]:
        """Declare what a form is sent to: POST, with the CSRF token as a field."""
        return self._declared("POST", path, action, {"include_in_schema": False})

    def call(
        self,
        method: str,
        path: str,
        action: Action,
        *,
        answer: type,
        body: type | None = None,
        query: type | None = None,
        needs_token: bool = True,
    ) -> Callable[[Handler], Handler]:
        """Declare a JSON twin, with the dataclasses of its answer, its body and its query."""
        for message in (answer, body):
            if message is not None:
                self.schemas[message.__name__] = _schema(message, strict=message is body)
        described = _described(method, path, answer, body, query, needs_token=needs_token)
        return self._declared(method, path, action, described, needs_token=needs_token)

    def change(
        self,
        method: str,
        path: str,
        action: Action,
        after: AfterChange,
        *,
        body: type | None = None,
        form: str = "",
    ) -> Callable[[Change], Change]:
        """Declare a change twice: as a call, and as what a form is sent to.

        ``form`` is the path of the form, where it is not that of the call.
        """

        def declare(change: Change) -> Change:
            @wraps(change)
            def by_form(visit: Visit) -> Response:
                try:
                    message = change(visit)
                except refusals.RefusedError as refused:
                    if after.again is None:
                        raise
                    return after.again(visit, faults_of(refused))
                return after.back(visit, message)

            @wraps(change)
            def by_call(visit: Visit) -> Response:
                change(visit)
                return visit.answer(after.describe(visit))

            self.form(form or path, action)(by_form)
            self.call(method, f"/api/v1{path}", action, answer=after.answer, body=body)(by_call)
            return change

        return declare

    def _declared(
        self,
        method: str,
        path: str,
        action: Action,
        described: Mapping[str, Any],
        *,
        needs_token: bool = True,
    ) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            route = Route(method, path, action, handler, needs_token)
            self.all.append(route)

            async def endpoint(request: Request) -> Response:
                return await _serve(route, request)

            endpoint.__name__ = handler.__name__
            endpoint.__doc__ = handler.__doc__
            options = {"response_model": None, **described}
            self.router.add_api_route(path, endpoint, methods=[method], **options)
            return handler

        return declare


async def _serve(route: Route, request: Request) -> Response:
    request.state.route = route.path
    token = protection.cookie(request, protection.SESSION)
    session = None
    if token is not None:
        session = await run_in_threadpool(find_session, context_of(request).database, token)
    kind = kind_of(None if session is None else session.person)
    granted = scope_of(kind, route.action)
    if granted is Scope.NONE:
        return _refused(route, request, kind)
    secret = token if session is not None else protection.cookie(request, protection.VISIT)
    body = await _change(route, request, secret) if route.is_change else None
    visit = Visit(request, session, granted, secret, body)
    if iscoroutinefunction(route.handler):
        return await _awaited(route.handler(visit))
    return await _awaited(await run_in_threadpool(route.handler, visit))


async def _awaited(answer: Response | Awaitable[Response]) -> Response:
    return await answer if isawaitable(answer) else answer


def _refused(route: Route, request: Request, kind: VisitorKind) -> Response:
    """Refuse a call; send the reader of a page to where it can go on."""
    if route.is_call:
        if kind is VisitorKind.ANONYMOUS:
            raise refusals.sign_in_required()
        if kind is VisitorKind.RESTRICTED:
            raise refusals.not_allowed(_CHANGE_PASSWORD_FIRST)
        raise refusals.not_allowed()
    if kind is VisitorKind.ANONYMOUS:
        path = request.url.path
        back = "" if route.is_change or path == "/" else f"?next={quote(path, safe='')}"
        return RedirectResponse(f"/login{back}", _SEE_OTHER)
    if kind is VisitorKind.RESTRICTED:
        return RedirectResponse("/profile", _SEE_OTHER)
    raise refusals.not_allowed()


async def _change(route: Route, request: Request, secret: str | None) -> object:
    """Return the body of a change that our own page or a script of the person sent."""
    protection.require_same_site(request)
    if route.is_call:
        if route.needs_token:
            given = request.headers.get(protection.CSRF_HEADER, "")
            protection.require_csrf_token(secret, given)
        return await _json(route, request)
    pairs = await _form(request)
    protection.require_csrf_token(secret, dict(pairs).get(protection.CSRF_FIELD, ""))
    return pairs


async def _form(request: Request) -> list[tuple[str, str]]:
    _require_type(request, _FORM)
    text = (await request.body()).decode("utf-8", "replace")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise refusals.malformed(400, "The form has too many fields.") from None


async def _json(route: Route, request: Request) -> object:
    body = await request.body()
    if not body and route.needs_token:
        return {}
    _require_type(request, _JSON)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise refusals.malformed(400, "The body is not JSON.") from None


def _require_type(request: Request, media_type: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise refusals.malformed(415, f"The body must have the type {media_type}.")


def _schema(message: type, *, strict: bool) -> dict[str, Any]:
    schema = message_schema(message)
    return schema | {"additionalProperties": False} if strict else schema


def _described(
    method: str,
    path: str,
    answer: type,
    body: type | None,
    query: type | None,
    *,
    needs_token: bool,
) -> openapi.Operation:
    problems = dict(_PROBLEMS)
    if method != "GET":
        problems |= {415: (Problem.MALFORMED_REQUEST,)}
    if not needs_token:
        problems |= {429: (Problem.RATE_LIMITED,)}
    extra: dict[str, Any] = {"parameters": [*_path_parameters(path), *_query_parameters(query)]}
    if body is not None:
        required = any(each.default is MISSING for each in fields(body))
        extra["requestBody"] = openapi.json_body(body.__name__, required=required)
    keys: dict[str, list[str]] = {"session": []}
    if method != "GET":
        keys["csrf"] = []
    extra["security"] = [keys] if needs_token else []
    return openapi.operation({200: "Done."}, answer.__name__, problems, **extra)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]
    schema = {"type": "integer", "minimum": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _query_parameters(query: type | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    properties = message_schema(query)["properties"]
    return [{"name": name, "in": "query", "schema": of} for name, of in properties.items()]
