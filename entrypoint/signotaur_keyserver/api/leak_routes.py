"""``POST /leaks``: reports of leaked keys, as GitHub's secret scanning sends them to partners."""

import json

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from signotaur_keyserver.api import openapi
from signotaur_keyserver.api.context import context_of, source_of
from signotaur_keyserver.api.dependencies import limit_unauthenticated
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.service.leaks import Leak, note_leaks
from signotaur_wire import keyformat, paths
from signotaur_wire.members import Json, Members, WireError

router = APIRouter(default_response_class=JSONResponse)

_IDENTIFIER = "github-public-key-identifier"
_SIGNATURE = "github-public-key-signature"
_MAX_FINDINGS = 500
"""Findings in one report."""


@router.post(paths.LEAKS, **openapi.LEAKS)
async def post_leaks(request: Request) -> JSONResponse:
    """Note leaked keys. The body is signed by a key of the operator's list; no API key is needed.

    The answer says of each finding whether it is a key of this server, and names it by its
    SHA-256.
    """
    context = context_of(request)
    signature = request.headers.get(_SIGNATURE, "")
    if not signature:
        raise _unauthenticated(request)
    if context.leaks is None:
        raise refusals.no_leaks()
    body = await request.body()
    identifier = request.headers.get(_IDENTIFIER, "")
    if not await run_in_threadpool(context.leaks.keys.is_signed, identifier, signature, body):
        raise _unauthenticated(request)
    leaks = _read(body)
    known = await run_in_threadpool(
        note_leaks, context.database, leaks, source_of(request), disable=context.leaks.disable
    )
    return JSONResponse(
        [_feedback(leak, known=each) for leak, each in zip(leaks, known, strict=True)]
    )


def _unauthenticated(request: Request) -> refusals.RefusedError:
    limit_unauthenticated(request)
    return refusals.unknown_key()


def _read(body: bytes) -> list[Leak]:
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        raise refusals.malformed(400, "The body is not JSON.") from None
    if not isinstance(listed, list) or len(listed) > _MAX_FINDINGS:
        raise refusals.malformed(
            422, f"The body is not an array of at most {_MAX_FINDINGS} findings."
        )
    try:
        return [_leak(Members(each)) for each in listed]
    except WireError as error:
        raise refusals.malformed(422, f"The body is not valid: {error}.") from None


def _leak(members: Members) -> Leak:
    return Leak(
        members.text("token"),
        members.text("type"),
        members.optional_text("url"),
        members.optional_text("source"),
    )


def _feedback(leak: Leak, *, known: bool) -> Json:
    return {
        "token_hash": keyformat.digest(leak.token),
        "token_type": leak.type,
        "label": "true_positive" if known else "false_positive",
    }
