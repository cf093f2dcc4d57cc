"""The key check, which every run and every guard asks for, without the framework."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from signotaur_keyserver.api import faults
from signotaur_keyserver.api.key_routes import key_self
from signotaur_keyserver.database.database import DatabaseUnavailableError
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_wire import paths


def is_key_check(scope: Scope) -> bool:
    """Return whether a connection is ``GET /keys/self``."""
    if scope["type"] != "http":
        return False
    path: str = scope["path"]
    return path == paths.KEYS_SELF and scope["method"] == "GET"


async def key_check(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer ``GET /keys/self``, as plain ASGI.

    The framework's own handling would take several times as long as the answer. The router has the
    same handler, for the description of the API and for other methods.
    """
    response = await _answer(Request(scope, receive))
    await response(scope, receive, send)


async def _answer(request: Request) -> Response:
    try:
        return await key_self(request)
    except RefusedError as error:
        return await faults.refused(request, error)
    except DatabaseUnavailableError as error:
        return await faults.unavailable(request, error)
