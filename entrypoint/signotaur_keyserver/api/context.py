"""What the routes work with, handed to the app by its factory; no module keeps state."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import ParamSpec, TypeVar, cast

from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from signotaur_keyserver.api.buckets import TokenBuckets
from signotaur_keyserver.api.descriptions import Descriptions
from signotaur_keyserver.api.metrics import CachedStateCounts, RequestCounts, SignatureCounts
from signotaur_keyserver.api.refusal_log import RefusalLog
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.pki.leak_keys import LeakKeys
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.private_keys import PrivateKeys
from signotaur_keyserver.service.issuer_keys import IssuerKeys
from signotaur_keyserver.service.known_keys import KnownKeys
from signotaur_keyserver.service.last_use import LastUses, UseOrigin
from signotaur_keyserver.service.log_text import sanitize
from signotaur_keyserver.service.sweeper import Sweeper
from signotaur_keyserver.service.webhook_sender import WebhookSender

Networks = tuple[IPv4Network | IPv6Network, ...]
_LONGEST_CHAIN = 20
"""Of forwarded addresses that are looked at."""
_CLIENT_LENGTH = 100

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
    known_keys: KnownKeys
    descriptions: Descriptions
    unauthenticated_clients: TokenBuckets
    """Failures to authenticate, by network."""
    keys: TokenBuckets
    """Requests of each key."""
    key_requests_per_minute: int | None
    """For keys without a limit of their own or of the policy; None: no limit."""
    state_counts: CachedStateCounts
    metrics_token: str | None
    refusals: RefusalLog
    requests: RequestCounts
    sweeper: Sweeper
    sealer: Sealer | None
    """What seals secrets that are stored; None: there can be none."""
    private_keys: PrivateKeys
    leaks: LeakReports | None
    """None: reports of leaked keys are not taken."""
    webhooks: WebhookSender | None
    """None: this server sends no webhooks."""
    signatures: SignatureCounts
    last_uses: LastUses
    issuer_keys: IssuerKeys
    exchanges: CapacityLimiter
    """Threads that look at ID tokens: an issuer that is slow keeps these from others, no more."""
    proxies: Networks
    """Proxies whose word on a client's address is believed."""

    async def read(self, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a read where it is fastest: a local one costs less than a change of threads."""
        if self.database.reads_are_local:
            return query(*args, **kwargs)
        return await run_in_threadpool(query, *args, **kwargs)


def context_of(request: Request) -> Context:
    """Return the context of the app that serves a request."""
    return cast("Context", request.scope["app"].context)


def source_of(request: Request) -> str | None:
    """Return the client's address: the peer's, or what a trusted proxy says it is.

    Each proxy adds the address that it was called from to the end of X-Forwarded-For. So the last
    one that is not a proxy's own is the client's; everything before it is the client's word.
    """
    client = request.scope["client"]
    peer = None if client is None else client[0]
    proxies = context_of(request).proxies
    if not proxies or not _is_within(peer, proxies):
        return peer
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for address in map(str.strip, reversed(forwarded[-_LONGEST_CHAIN:])):
        if not _is_address(address):
            return peer
        peer = address
        if not _is_within(address, proxies):
            break
    return peer


def header_of(request: Request, name: bytes) -> str:
    """Return the first header of a name, which is in lower case; without one, an empty text.

    Starlette's headers take four times as long, at every request.
    """
    for each, value in request.scope["headers"]:
        if each == name:
            text: str = value.decode("latin-1")
            return text
    return ""


def use_origin_of(request: Request, source: str | None) -> UseOrigin:
    """Return the network and the client of a request, as the record of uses has them."""
    return _use_origin(source, header_of(request, b"user-agent")[:_CLIENT_LENGTH])


@lru_cache(maxsize=1024)
def _use_origin(source: str | None, user_agent: str) -> UseOrigin:
    network = network_of(source) or "unknown"
    return UseOrigin(network[:64], (sanitize(user_agent) or "")[:_CLIENT_LENGTH])


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_within(text: str | None, networks: Networks) -> bool:
    try:
        address = ip_address(text or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


@lru_cache(maxsize=1024)
def network_of(source: str | None) -> str | None:
    """Return what a rate limit counts as one client: an IPv4 address, or an IPv6 /64."""
    try:
        address = ip_address(source or "")
    except ValueError:
        return source
    return address.exploded[:19] if isinstance(address, IPv6Address) else source
