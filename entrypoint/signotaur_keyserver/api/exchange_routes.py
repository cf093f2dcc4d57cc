"""``POST /token-exchange`` (RFC 8693): an ID token of a CI job becomes a key for a short time.

Errors have the ``error`` of RFC 6749 beside what every problem of this server has.
"""

from functools import partial
from urllib.parse import parse_qsl

from anyio import to_thread
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from signotaur_keyserver.api import openapi
from signotaur_keyserver.api.context import context_of, source_of
from signotaur_keyserver.api.dependencies import limit_unauthenticated
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service.token_exchange import exchange_token
from signotaur_wire import paths
from signotaur_wire.exchange import (
    ACCESS_TOKEN,
    GRANT_TYPE,
    LONGEST_LIFE,
    SHORTEST_LIFE,
    SUBJECT_TOKEN_TYPES,
)
from signotaur_wire.problems import Problem

router = APIRouter(default_response_class=JSONResponse)

_FORM = "application/x-www-form-urlencoded"
_KNOWN = ("grant_type", "subject_token", "subject_token_type", "requested_token_type", "lifetime")
_MOST_FIELDS = 50


@router.post(paths.TOKEN_EXCHANGE, **openapi.TOKEN_EXCHANGE)
async def post_token_exchange(request: Request) -> JSONResponse:
    """Make a key for an ID token that a trust of this server allows. No API key is needed.

    The key belongs to the trust's user and lives an hour at most. A token is accepted once.
    """
    fields = _fields(request, await request.body())
    token, life = _read(fields)
    context = context_of(request)
    exchange = partial(
        exchange_token, context.database, context.issuer_keys, token, life, source_of(request)
    )
    try:
        answer = await to_thread.run_sync(exchange, limiter=context.exchanges)
    except RefusedError as refused:
        if refused.problem is Problem.INVALID_GRANT:
            limit_unauthenticated(request)
        raise
    return JSONResponse(answer.to_json())


def _fields(request: Request, body: bytes) -> dict[str, str]:
    """Return the parameters that have a value; those that are not known are left out."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise _invalid(f"The body must have the type {_FORM}.")
    try:
        pairs = parse_qsl(body.decode("ascii"), max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise _invalid("The body is not a form.") from None
    known = [(name, value) for name, value in pairs if name in _KNOWN]
    fields = dict(known)
    if len(fields) < len(known):
        raise _invalid("A parameter is given twice.")
    return fields


def _read(fields: dict[str, str]) -> tuple[str, int | None]:
    """Return the token, and the seconds that its key shall live; None: no wish."""
    if "grant_type" not in fields:
        raise _invalid("This is missing: grant_type.", "grant_type")
    if fields["grant_type"] != GRANT_TYPE:
        detail = f"The grant type must be {GRANT_TYPE}."
        raise _invalid(detail, "grant_type", error="unsupported_grant_type")
    for name in ("subject_token", "subject_token_type"):
        if name not in fields:
            raise _invalid(f"This is missing: {name}.", name)
    if fields["subject_token_type"] not in SUBJECT_TOKEN_TYPES:
        raise _invalid("The subject token must be a JWT or an ID token.", "subject_token_type")
    if fields.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise _invalid("Only an access token can be requested.", "requested_token_type")
    return fields["subject_token"], _life(fields.get("lifetime"))


def _life(text: str | None) -> int | None:
    if text is None:
        return None
    # No more digits than the longest life has: int() of a long text is slow.
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(LONGEST_LIFE))
    if not short or not SHORTEST_LIFE <= int(text) <= LONGEST_LIFE:
        detail = f"The lifetime is {SHORTEST_LIFE} to {LONGEST_LIFE} seconds."
        raise _invalid(detail, "lifetime")
    return int(text)


def _invalid(detail: str, *fields: str, error: str = "invalid_request") -> RefusedError:
    refused = refusals.malformed(400, detail, fields)
    refused.members["error"] = error
    return refused
