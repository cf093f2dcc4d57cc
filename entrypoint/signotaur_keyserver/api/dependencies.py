"""What a route asks for: the authenticated caller, then the body and the path of a request."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from signotaur_keyserver.api.context import (
    Context,
    context_of,
    header_of,
    network_of,
    source_of,
    use_origin_of,
)
from signotaur_keyserver.database.database import DatabaseUnavailableError
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.policy import requests_per_minute, require_network
from signotaur_keyserver.domain.records import Key
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.service.authentication import Caller, record_first_use
from signotaur_keyserver.service.last_use import UseOrigin, record_old_key_use
from signotaur_keyserver.service.successor import record_use
from signotaur_wire.members import WireError
from signotaur_wire.messages import ConfirmationRequest, RotationRequest
from signotaur_wire.problems import Problem
from signotaur_wire.signing import CertificateRequest, SignRequest

T = TypeVar("T")

REQUEST_MEMBERS = (
    "publicId",
    "keySha256",
    "overlapDays",
    "autoRevoke",
    "holder",
    "again",
    "compromised",
)
_CONFIRMATION_MEMBERS = ("destinations", "kind", "outcome")
_SELECTORS = ("clientVersion", "thumbprint", "label", "subject")
_SIGN_MEMBERS = (
    "clientVersion",
    "thumbprint",
    "digest",
    "digestHashAlgorithm",
    "fileName",
    "fileSizeInBytes",
    "fileVersion",
)


async def authenticated(request: Request) -> Caller:
    """Return who calls. Raises RefusedError, also for unknown keys and keys that ask too often.

    The first use of a candidate is recorded.
    """
    source = source_of(request)
    caller = await _identified(request, source)
    if caller.is_first_use_of_candidate:
        await _record_first_use(request, caller, source)
    await _note_use(request, caller, source)
    return caller


async def confirming(request: Request) -> Caller:
    """Return who calls, for the confirmation, which records the first use of a candidate itself."""
    source = source_of(request)
    caller = await _identified(request, source)
    if caller.is_first_use_of_candidate and _uuid(request.path_params["rotation_id"]) is None:
        # It will not come to the confirmation.
        await _record_first_use(request, caller, source)
    await _note_use(request, caller, source)
    return caller


async def _identified(request: Request, source: str | None) -> Caller:
    context = context_of(request)
    try:
        caller = await context.read(context.known_keys.authenticate, bearer_of(request))
    except RefusedError as refused:
        if refused.problem is Problem.UNKNOWN_KEY:
            limit_unauthenticated(request)
        raise
    admit(request, caller, source)
    return caller


def admit(request: Request, caller: Caller, source: str | None) -> None:
    """Let a proven key in. Raises RefusedError when it asks too often, or from elsewhere."""
    request.scope["state"]["key_id"] = caller.key.id
    _limit_key(context_of(request), caller.key)
    require_network(caller.key, source)


async def _record_first_use(request: Request, caller: Caller, source: str | None) -> None:
    database = context_of(request).database
    await run_in_threadpool(record_first_use, database, caller.key, source)


def _uuid(text: str) -> UUID | None:
    try:
        identifier = UUID(text)
    except ValueError:
        return None
    # Python reads other forms as well, such as urn:uuid:.
    return identifier if str(identifier) == text.lower() else None


async def _note_use(request: Request, caller: Caller, source: str | None) -> None:
    context = context_of(request)
    origin = use_origin_of(request, source)
    if context.last_uses.note(caller, origin):
        # Reported or not, the key may be used.
        with suppress(DatabaseUnavailableError):
            await _report_old_key_use(context, caller, origin, source)


async def _report_old_key_use(
    context: Context, caller: Caller, origin: UseOrigin, source: str | None
) -> None:
    if await run_in_threadpool(record_old_key_use, context.database, caller, origin, source):
        context.last_uses.mark_reported(caller.key.id, origin.network)


def _limit_key(context: Context, key: Key) -> None:
    own = requests_per_minute(key)
    per_minute = context.key_requests_per_minute if own is None else own
    if per_minute is None:
        return
    wait = context.keys.take(key.id, (per_minute, per_minute / 60))
    if wait:
        raise refusals.rate_limited("Too many requests with this key.", wait)


async def using(request: Request) -> Caller:
    """Return who calls, as ``authenticated`` does: all calls but those on rotations.

    The use of the key is recorded.
    """
    caller = await authenticated(request)
    if not caller.key.is_unused_successor:
        return caller
    database = context_of(request).database
    return await run_in_threadpool(record_use, database, caller, source_of(request))


async def rotation_request(request: Request) -> RotationRequest:
    """Return the body of a rotation request. Check the key before it is read."""
    return await _body(request, RotationRequest.from_json, REQUEST_MEMBERS)


async def confirmation_request(request: Request, caller: Caller) -> ConfirmationRequest:
    """Return the body of a confirmation, which may have none. Check the key before it is read."""
    if not await request.body():
        return ConfirmationRequest()
    try:
        return await _body(request, ConfirmationRequest.from_json, _CONFIRMATION_MEMBERS)
    except RefusedError:  # it will not come to the confirmation
        if caller.is_first_use_of_candidate:
            await _record_first_use(request, caller, source_of(request))
        raise


async def certificate_request(request: Request) -> CertificateRequest:
    """Return the body of a request for a certificate. Check the key before it is read."""
    return await _body(request, CertificateRequest.from_json, _SELECTORS)


async def sign_request(request: Request) -> SignRequest:
    """Return the body of a request for a signature. Check the key before it is read."""
    return await _body(request, SignRequest.from_json, _SIGN_MEMBERS)


def rotation_id_of(request: Request) -> UUID:
    """Return the id in a path. Raises RefusedError unless it has the form that ids have."""
    rotation_id = _uuid(request.path_params["rotation_id"])
    if rotation_id is None:
        raise refusals.malformed(422, "A part of the path is not valid.", ["rotation_id"])
    return rotation_id


async def _body(request: Request, read: Callable[[object], T], members: Sequence[str]) -> T:
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type != "application/json":
        raise refusals.malformed(415, "The body must have the type application/json.")
    try:
        return read(json.loads(body))
    except WireError as error:
        # A WireError names the member at fault first and never its value.
        fault = str(error)
        fields = [name for name in members if fault.startswith(f"{name} ")]
        raise refusals.malformed(422, f"The body is not valid: {fault}.", fields) from None
    except (ValueError, RecursionError):
        raise refusals.malformed(400, "The body is not JSON.") from None


def bearer_of(request: Request) -> str:
    """Return the text of the key. Raises RefusedError when there is none."""
    scheme, _, text = header_of(request, b"authorization").partition(" ")
    if scheme.lower() != "bearer":
        raise refusals.unknown_key()
    return text.strip()


def limit_unauthenticated(request: Request) -> None:
    """Count a failure to authenticate. Raises RefusedError when an address has too many."""
    wait = context_of(request).unauthenticated_clients.take(network_of(source_of(request)))
    if wait:
        raise refusals.rate_limited("Too many failed attempts from this address.", wait)
