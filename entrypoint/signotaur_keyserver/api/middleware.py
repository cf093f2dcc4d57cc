"""What surrounds every request, as plain ASGI: its rules, fixed headers, access log, boundary.

The access log has method, path, status, time and key id: never a header, a query or a body, and
no path that is not one of ours, because a client's path may contain anything, even a key.
"""

import logging
import re
from collections.abc import Callable, Sequence
from time import perf_counter

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signotaur_keyserver.api.metrics import RequestCounts
from signotaur_keyserver.api.problems import problem_response, refusal_response
from signotaur_keyserver.domain import refusals
from signotaur_wire import paths, signing
from signotaur_wire.problems import Problem

BODY_LIMIT = 16 * 1024
"""Bytes; the largest body of the protocol has under one thousand."""
LEAKS_LIMIT = 512 * 1024
"""Bytes of a report of leaked keys: some hundred findings."""

FIXED_HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OURS = re.compile(
    f"{paths.KEYS_SELF}|{paths.ROTATION.format(rotation_id=_UUID)}(?:/confirmation)?"
    f"|{paths.LEAKS}|{paths.TOKEN_EXCHANGE}|{signing.CERT_GET}|{signing.SIGN}"
    r"|/healthz|/readyz|/metrics|/openapi\.json"
)
_CLIENT_LEFT = 499
"""What nginx logs for a client that closed its connection; nobody gets it as an answer."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

AccessLog = Callable[[str, str, int, float, object], None]
"""Takes method, path, status, milliseconds and key id (``-``: none) of a request."""

_log = logging.getLogger(__name__)


class RequestBoundary:
    """Gives every answer its headers, logs and counts it, and catches what nothing else did."""

    def __init__(self, app: ASGIApp, requests: RequestCounts, access_log: AccessLog) -> None:
        self._app = app
        self._requests = requests
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        started = perf_counter()

        async def send_enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *FIXED_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, send_enveloped)
        except ClientDisconnect:
            status = _CLIENT_LEFT
            _log.debug("a client disconnected before its request was complete")
        except Exception:  # noqa: BLE001 - the last resort: no request ends without an answer
            _log.exception("a request failed unexpectedly")
            if not status:
                answer = problem_response(
                    Problem.INTERNAL_ERROR, 500, "An internal error occurred. Nothing was changed."
                )
                await answer(scope, receive, send_enveloped)
        finally:
            self.note(scope, status, perf_counter() - started)

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count and log an answer."""
        self._requests.by_status[status] += 1
        method = scope["method"] if scope["method"] in METHODS else "(other)"
        state = scope.get("state", {})
        path = scope["path"] if _OURS.fullmatch(scope["path"]) else state.get("route", "(other)")
        self._access_log(method, path, status, seconds * 1000, state.get("key_id", "-"))


class RequestRules:
    """Refuses what HTTP forbids, paths with escapes, and bodies above the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        names = [name for name, _ in scope["headers"]]
        refusal = refusal_of(scope, names)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        chunked = b"transfer-encoding" in names
        counted = _counted(receive, _body_limit(scope)) if chunked else receive
        await self._app(scope, counted, send)


def refusal_of(scope: Scope, names: Sequence[bytes]) -> Response | None:
    """Return the answer to a request that may not be made; ``names`` are those of its headers."""
    # RFC 9112, 3.2: a request of HTTP/1.1 has one Host.
    hosts, version = names.count(b"host"), scope["http_version"]
    if version not in ("1.0", "1.1") or hosts > 1 or (version == "1.1" and not hosts):
        detail = "A request must be HTTP/1.1 and have one Host header."
        answer = refusal_response(refusals.malformed(400, detail))
        # Client and server may disagree on where this request ends, so it is the last one.
        answer.headers["Connection"] = "close"
        return answer
    # No path of the API needs an escape. With %2F, %5C, %2E or %00 in it, a proxy in front could
    # apply its rules to another path than the one that is served here.
    if b"%" in scope["raw_path"]:
        return problem_response(Problem.NOT_FOUND, 404, "This path does not exist.")
    if b"content-length" in names:
        limit = _body_limit(scope)
        if int(Headers(scope=scope)["content-length"]) > limit:
            return refusal_response(_too_large(limit))
    return None


def _body_limit(scope: Scope) -> int:
    return LEAKS_LIMIT if scope["path"] == paths.LEAKS else BODY_LIMIT


def _counted(receive: Receive, limit: int) -> Receive:
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return receive_counted


def _too_large(limit: int) -> refusals.RefusedError:
    return refusals.malformed(413, f"The body must not be longer than {limit} bytes.")
