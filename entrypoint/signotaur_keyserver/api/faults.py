"""What becomes of an error that leaves a route: an answer for the client."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from signotaur_keyserver.api.context import context_of, source_of
from signotaur_keyserver.api.middleware import METHODS
from signotaur_keyserver.api.problems import problem_response, refusal_response
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_wire.problems import Problem

_METHOD_NOT_ALLOWED = 405


async def refused(request: Request, error: RefusedError) -> Response:
    """Note a refusal, and say why."""
    if error.key_id is not None:
        request.state.key_id = error.key_id
    key_id = getattr(request.state, "key_id", None)
    context_of(request).refusals.note(error, source_of(request), key_id)
    return refusal_response(error)


async def unavailable(_request: Request, _error: Exception) -> Response:
    """Say that the database is busy or away."""
    return refusal_response(refusals.unavailable())


async def no_route(request: Request, error: HTTPException) -> Response:
    """Say that there is no such path, or no such method of it."""
    if error.status_code != _METHOD_NOT_ALLOWED:
        return problem_response(Problem.NOT_FOUND, 404, "This path does not exist.")
    headers = {"Allow": ", ".join(sorted(_allowed_methods(request)))}
    return problem_response(
        Problem.NOT_FOUND, 405, "This path does not support this method.", None, headers
    )


def _allowed_methods(request: Request) -> set[str]:
    """Return the methods of all routes of a path: the framework names those of the first alone."""
    return {
        method
        for method in METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
