"""What a supervisor asks, without a key: is the process up, is it ready, how is it doing."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse

from signotaur_keyserver import refusals
from signotaur_keyserver.api import metrics, openapi
from signotaur_keyserver.api.context import context_of
from signotaur_keyserver.migrate import current_revision, newest_revision
from signotaur_keyserver.service.census import take_census

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
def get_metrics(request: Request) -> PlainTextResponse:
    """Give counts in Prometheus' text format."""
    context = context_of(request)
    text = metrics.exposition(
        take_census(context.database),
        context.requests,
        context.signatures,
        context.sweeper.totals,
    )
    return PlainTextResponse(text, media_type=metrics.MEDIA_TYPE)
