"""The key API: each route calls one use case and puts its outcome into an answer."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from signotaur_keyserver.api import openapi
from signotaur_keyserver.api.context import context_of, source_of
from signotaur_keyserver.api.dependencies import (
    authenticated,
    confirmation_request,
    confirming,
    rotation_id_of,
    rotation_request,
    using,
)
from signotaur_keyserver.service.abort import abort_rotation
from signotaur_keyserver.service.confirmation import confirm_rotation
from signotaur_keyserver.service.description import describe_rotation_to
from signotaur_keyserver.service.opening import put_rotation as put
from signotaur_wire import paths

router = APIRouter(default_response_class=JSONResponse)


# Reads run in the event loop where the database is local; what writes runs in the thread pool. The
# handlers ask for caller and body themselves: FastAPI's ``Depends`` took a tenth of a rotation.


@router.get(paths.KEYS_SELF, **openapi.KEY_SELF)
async def key_self(request: Request) -> Response:
    """Describe the key that was used: id, name, owner, roles, expiry, state and open rotation."""
    caller = await using(request)
    context = context_of(request)
    description = await context.read(context.descriptions.of, caller)
    return Response(description, media_type="application/json")


@router.put(paths.ROTATION, **openapi.PUT_ROTATION)
async def put_rotation(request: Request) -> JSONResponse:
    """Open a rotation with the old key, or repeat the request to renew its lease.

    Safe to repeat at any time: the answer contains no secret, and the same body changes nothing but
    the lease. The unconfirmed new key may repeat it as well, to continue a run that was cut.

    A key with a confirmed successor is rotated only with again, which says that the successor is
    lost. This is refused once the successor was used after its confirmation, by any call but
    those on its own rotation. The lost key then dies no earlier than its rotation's overlapEnd,
    and the new key expires no later than the lost one.
    """
    caller = await authenticated(request)
    body = await rotation_request(request)
    outcome = await run_in_threadpool(
        put,
        context_of(request).database,
        caller,
        rotation_id_of(request),
        body,
        source_of(request),
    )
    return JSONResponse(outcome.rotation.to_json(), status_code=201 if outcome.opened else 200)


@router.get(paths.ROTATION, **openapi.GET_ROTATION)
async def get_rotation(request: Request) -> JSONResponse:
    """Describe a rotation to its old or its new key."""
    caller = await authenticated(request)
    context = context_of(request)
    description = await context.read(
        describe_rotation_to, context.database, caller, rotation_id_of(request)
    )
    return JSONResponse(description.to_json())


@router.put(paths.CONFIRMATION, **openapi.PUT_CONFIRMATION)
async def put_confirmation(request: Request) -> JSONResponse:
    """Confirm a rotation with the NEW key: only this arms the old key's revocation.

    The body may tell how each destination got the key; it is shown to people and decides nothing.
    """
    caller = await confirming(request)
    body = await confirmation_request(request, caller)
    description = await run_in_threadpool(
        confirm_rotation,
        context_of(request).database,
        caller,
        rotation_id_of(request),
        body,
        source_of(request),
    )
    return JSONResponse(description.to_json())


@router.delete(paths.ROTATION, **openapi.DELETE_ROTATION)
async def delete_rotation(request: Request) -> JSONResponse:
    """Abort a rotation whose new key was never used, with the old key; the new key dies at once."""
    caller = await authenticated(request)
    description = await run_in_threadpool(
        abort_rotation,
        context_of(request).database,
        caller,
        rotation_id_of(request),
        source_of(request),
    )
    return JSONResponse(description.to_json())
