"""Key checks whose answer is in memory: most of them, as a server is asked for the same keys."""

from time import perf_counter

from starlette.requests import Request
from starlette.types import Scope

from signotaur_keyserver.api.context import Context, source_of, use_origin_of
from signotaur_keyserver.api.dependencies import admit, bearer_of
from signotaur_keyserver.api.middleware import RequestBoundary, refusal_of
from signotaur_keyserver.database.database import DatabaseUnavailableError
from signotaur_keyserver.domain.policy import require_network
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service.authentication import Caller

_BODY_HEADERS = {b"content-length", b"transfer-encoding"}
_OK = 200


class KnownChecks:
    """Answers them. What it does not answer is left as it was, for the application."""

    def __init__(self, app: object, context: Context, boundary: RequestBoundary) -> None:
        self._app = app
        self._context = context
        self._boundary = boundary

    def look(self) -> bool:
        """See what was committed; return whether anything can be answered.

        An answer is true for a request that had arrived before.
        """
        try:
            return self._context.known_keys.look()
        except DatabaseUnavailableError:
            return False

    def answer(self, scope: Scope) -> bytes | None:
        """Return the JSON of a key check; None when the answer must be found out."""
        started = perf_counter()
        names = [name for name, _ in scope["headers"]]
        if not _BODY_HEADERS.isdisjoint(names) or refusal_of(scope, names) is not None:
            return None
        scope["app"] = self._app
        request = Request(scope)
        source = source_of(request)
        try:
            caller = self._context.known_keys.find(bearer_of(request))
            body = None if caller is None else self._described(request, caller, source)
        except RefusedError:
            return None
        if body is not None:
            self._boundary.note(scope, _OK, perf_counter() - started)
        return body

    def _described(self, request: Request, caller: Caller, source: str | None) -> bytes | None:
        """Return the answer to a caller whose use needs no write. Raises RefusedError."""
        body = self._context.descriptions.kept(caller)
        if body is None or caller.is_first_use_of_candidate or caller.key.is_unused_successor:
            return None
        # A refusal is the application's: were it found after ``admit``, it would count twice.
        require_network(caller.key, source)
        admit(request, caller, source)
        self._context.last_uses.note(caller, use_origin_of(request, source))
        return body
