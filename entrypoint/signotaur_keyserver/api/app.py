"""The factory of the web application: everything it works with is given to it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic

from anyio import CapacityLimiter
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from signotaur_keyserver.api import (
    exchange_routes,
    faults,
    health_routes,
    key_routes,
    leak_routes,
    openapi,
    signing_routes,
)
from signotaur_keyserver.api.buckets import TokenBuckets
from signotaur_keyserver.api.context import (
    Context,
    LeakReports,
    Networks,
)
from signotaur_keyserver.api.descriptions import Descriptions
from signotaur_keyserver.api.key_check import is_key_check, key_check
from signotaur_keyserver.api.known_checks import KnownChecks
from signotaur_keyserver.api.metrics import CachedStateCounts, RequestCounts, SignatureCounts
from signotaur_keyserver.api.middleware import AccessLog, RequestBoundary, RequestRules
from signotaur_keyserver.api.refusal_log import SUMMARY_SECONDS, RefusalLog
from signotaur_keyserver.database.database import Database, DatabaseUnavailableError
from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.private_keys import PrivateKeys
from signotaur_keyserver.service.issuer_keys import IssuerKeys
from signotaur_keyserver.service.known_keys import KnownKeys
from signotaur_keyserver.service.last_use import LastUses, write_uses
from signotaur_keyserver.service.sweeper import Sweeper
from signotaur_keyserver.service.webhook_post import Poster
from signotaur_keyserver.service.webhook_sender import WebhookSender

_LAST_WRITES, _LAST_WRITE_PAUSE = 10, 0.1
"""How often, and seconds between, an ending server tries to write the uses of locked keys."""
_LAST_USE_SECONDS = 30.0
"""Interval of the writes of last uses: none is more than a minute late, even at a slow one."""
_EXCHANGES_AT_ONCE = 8
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What an administrator may configure."""

    access_log: AccessLog = lambda *_: None

    sealer: Sealer | None = None
    """None: no private key is opened, and nothing signed."""
    sweep_interval: timedelta = timedelta(hours=1)
    event_retention: timedelta | None = None
    """Age after which events are deleted; None: they are kept."""
    failures_burst: int = 60
    failures_per_second: float = 1.0
    """How often one address may fail to authenticate."""
    key_requests_per_minute: int | None = None
    """Of one key, over a minute; None: as many as it likes."""
    metrics_token: str | None = None
    """Token that ``/metrics`` requires; None: it needs no token."""
    trusted_proxies: Networks = ()
    """Peers whose X-Forwarded-For is believed."""
    webhooks: Poster | None = None
    """How webhooks are sent; None, or without a sealer for their secrets: they are not."""
    private_issuers: bool = False
    """Whether trusts of the pages may name issuers in private networks."""
    leaks: LeakReports | None = None
    """None: reports of leaked keys are not taken."""
    clock: Callable[[], float] = monotonic
    """In seconds from any moment; for rates and caches alone."""


class KeyServer(FastAPI):
    """The application: FastAPI, and beside it the one request that has to be fast."""

    context: Context
    key_check: ASGIApp
    known_checks: KnownChecks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol."""
        if is_key_check(scope):
            scope["app"] = self
            await self.key_check(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(database: Database, options: Options) -> KeyServer:
    """Build the application over a migrated database; its lifespan runs sweeper and refusal log."""
    context = Context(
        database=database,
        known_keys=KnownKeys(database),
        descriptions=Descriptions(database),
        unauthenticated_clients=TokenBuckets(
            options.failures_burst, options.failures_per_second, clock=options.clock
        ),
        keys=TokenBuckets(1, 1, clock=options.clock),
        key_requests_per_minute=options.key_requests_per_minute,
        state_counts=CachedStateCounts(database, options.clock),
        metrics_token=options.metrics_token,
        refusals=RefusalLog(database, options.clock),
        requests=RequestCounts(),
        sweeper=Sweeper(database, options.sweep_interval, options.event_retention),
        sealer=options.sealer,
        private_keys=PrivateKeys(options.sealer),
        leaks=options.leaks,
        webhooks=_webhook_sender(database, options),
        signatures=SignatureCounts(),
        last_uses=LastUses(),
        issuer_keys=IssuerKeys(options.clock, allow_private=options.private_issuers),
        exchanges=CapacityLimiter(_EXCHANGES_AT_ONCE),
        proxies=options.trusted_proxies,
    )
    # The documentation pages would load scripts from elsewhere.
    app = KeyServer(docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=_lifespan)
    boundary = RequestBoundary(RequestRules(key_check), context.requests, options.access_log)
    app.key_check = boundary
    app.known_checks = KnownChecks(app, context, boundary)
    app.context = context
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    app.include_router(key_routes.router)
    app.include_router(signing_routes.router)
    app.include_router(leak_routes.router)
    app.include_router(exchange_routes.router)
    app.include_router(health_routes.router)
    app.exception_handler(RefusedError)(faults.refused)
    app.exception_handler(DatabaseUnavailableError)(faults.unavailable)
    app.exception_handler(HTTPException)(faults.no_route)
    app.add_middleware(RequestRules)
    app.add_middleware(RequestBoundary, requests=context.requests, access_log=options.access_log)
    return app


def _webhook_sender(database: Database, options: Options) -> WebhookSender | None:
    if options.sealer is None or options.webhooks is None:
        return None
    return WebhookSender(database, options.sealer, options.webhooks)


@asynccontextmanager
async def _lifespan(app: KeyServer) -> AsyncIterator[None]:
    context = app.context
    context.known_keys.start()
    context.refusals.start()
    await run_in_threadpool(context.sweeper.start)
    tasks = [
        asyncio.create_task(_summarize(context.refusals)),
        asyncio.create_task(_write_uses(context)),
    ]
    if context.webhooks is not None:
        context.webhooks.start()
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await _write_remaining_uses(context)
        if context.webhooks is not None:
            context.webhooks.stop()
        context.sweeper.stop()
        context.refusals.stop()
        context.known_keys.stop()


async def _summarize(log: RefusalLog) -> None:
    while True:
        await asyncio.sleep(SUMMARY_SECONDS)
        log.summarize()


async def _write_uses(context: Context) -> None:
    while True:
        await asyncio.sleep(_LAST_USE_SECONDS)
        await _write_noted_uses(context)


async def _write_remaining_uses(context: Context) -> None:
    for _ in range(_LAST_WRITES):
        if await _write_noted_uses(context):
            return
        await asyncio.sleep(_LAST_WRITE_PAUSE)


async def _write_noted_uses(context: Context) -> bool:
    """Write the noted uses of keys, and return whether all are.

    What cannot be written now is kept for the next time.
    """
    uses = context.last_uses.take()
    try:
        watch = context.known_keys.watch
        uses = await run_in_threadpool(write_uses, context.database, uses, watch)
    except (DatabaseUnavailableError, SQLAlchemyError):
        _log.warning(
            "the last uses of keys could not be written; the next attempt follows", exc_info=True
        )
    context.last_uses.put_back(uses)
    return not uses
