"""What a supervisor asks, without a key: is the process up, is it ready, how is it doing."""

import hmac

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from signotaur_keyserver.api import metrics, openapi
from signotaur_keyserver.api.context import context_of
from signotaur_keyserver.api.dependencies import limit_unauthenticated
from signotaur_keyserver.database.migrate import current_revision, newest_revision
from signotaur_keyserver.domain import refusals

router = APIRouter(default_response_class=JSONResponse)

_NEWEST_REVISION = newest_revision()


@router.get("/healthz", **openapi.HEALTHZ)
async def healthz() -> JSONResponse:
    """Tell that the process is up."""
    return JSONResponse({"status": "up"})


@router.get("/readyz", **openapi.READYZ)
def readyz(request: Request) -> JSONResponse:
    """Tell that the database answers and has the schema of this program."""
    if current_revision(context_of(request).database) != _NEWEST_REVISION:
        raise refusals.unavailable()
    return JSONResponse({"status": "ready"})


@router.get("/metrics", **openapi.METRICS)
async def get_metrics(request: Request) -> PlainTextResponse:
    """Return counts in Prometheus' text format. The server may require a token."""
    context = context_of(request)
    if context.metrics_token is not None:
        _require(context.metrics_token, request)
    text = metrics.exposition(
        await context.state_counts.get(),
        context.requests,
        context.signatures,
        context.sweeper.totals,
    )
    return PlainTextResponse(text, media_type=metrics.MEDIA_TYPE)


def _require(token: str, request: Request) -> None:
    header = request.headers.get("authorization", "")
    if not hmac.compare_digest(header.encode(), f"Bearer {token}".encode()):
        limit_unauthenticated(request)
        raise refusals.unknown_key()
