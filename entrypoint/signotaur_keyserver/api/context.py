"""What the routes work with, handed to the app by its factory; no module keeps state."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import ParamSpec, TypeVar, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from signotaur_keyserver.api.buckets import TokenBuckets
from signotaur_keyserver.api.metrics import RecentCensus, RequestCounts, SignatureCounts
from signotaur_keyserver.api.refusal_log import RefusalLog
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.pki.leak_keys import LeakKeys
from signotaur_keyserver.pki.private_keys import PrivateKeys
from signotaur_keyserver.service.sweeper import Sweeper

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class LeakReports:
    """Who may report leaked keys, and what becomes of these."""

    keys: LeakKeys
    disable: bool = False


@dataclass(frozen=True)
class Context:
    """The parts of one server."""

    database: Database
    strangers: TokenBuckets
    """Failures to authenticate, by network."""
    keys: TokenBuckets
    """Requests of each key."""
    key_requests_per_minute: int | None
    """For keys without a limit of their own or of the policy; None: no limit."""
    census: RecentCensus
    metrics_token: str | None
    refusals: RefusalLog
    requests: RequestCounts
    sweeper: Sweeper
    private_keys: PrivateKeys
    leaks: LeakReports | None
    """None: reports of leaked keys are not taken."""
    signatures: SignatureCounts

    async def read(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a read where it is fastest: a local one costs less than a change of threads."""
        if self.database.reads_are_local:
            return query(*args, **kwargs)
        return await run_in_threadpool(query, *args, **kwargs)


def context_of(request: Request) -> Context:
    """Return the context of the app that serves a request."""
    return cast("Context", request.app.state.context)


def source_of(request: Request) -> str | None:
    """Return the address of the peer; forwarded headers are not believed."""
    return None if request.client is None else request.client.host


def network_of(source: str | None) -> str | None:
    """Return what a rate limit counts as one stranger: an IPv4 address, or an IPv6 /64."""
    try:
        address = ip_address(source or "")
    except ValueError:
        return source
    return address.exploded[:19] if isinstance(address, IPv6Address) else source
