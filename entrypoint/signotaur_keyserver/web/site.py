"""The parts of the web pages, and how they are put on the app of the API."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import cast

from anyio import CapacityLimiter
from fastapi import FastAPI
from jinja2 import Environment
from starlette.requests import Request

from signotaur_keyserver.api import openapi
from signotaur_keyserver.api.buckets import TokenBuckets
from signotaur_keyserver.service.passwords import Passwords
from signotaur_keyserver.web.rendering import environment

_HASHES_AT_ONCE = 2
"""Passwords that are hashed at a time: each takes memory, and a core for a tenth of a second."""


@dataclass(frozen=True)
class SiteOptions:
    """What an administrator may configure."""

    authority: Path | None = None
    """PEM file of the certificate authority that clients must trust; None: a public one."""
    sign_ins_per_user: tuple[int, float] = (10, 1 / 60)
    """Burst and refill per second of one name from one address."""
    sign_ins_per_address: tuple[int, float] = (30, 1 / 10)
    """Burst and refill per second of one address."""
    clock: Callable[[], float] = monotonic


@dataclass(frozen=True)
class Site:
    """What the pages work with beside the API's context."""

    authority: Path | None
    attempts: TokenBuckets
    """Sign-ins by name and network."""
    addresses: TokenBuckets
    """Sign-ins by network."""
    passwords: Passwords = field(default_factory=Passwords)
    hashing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_HASHES_AT_ONCE))
    templates: Environment = field(default_factory=environment)

    @classmethod
    def of(cls, options: SiteOptions) -> "Site":
        """Build the parts."""
        attempts = TokenBuckets(*options.sign_ins_per_user, clock=options.clock)
        addresses = TokenBuckets(*options.sign_ins_per_address, clock=options.clock)
        return cls(options.authority, attempts, addresses)


def site_of(request: Request) -> Site:
    """Return the site of the app that serves a request."""
    return cast("Site", request.app.state.site)


def add_description(app: FastAPI, schemas: dict[str, object]) -> None:
    """Describe the calls of people beside those of keys."""
    security = {
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-signotaur-session"},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
    }
    described = partial(openapi.describe, app, schemas, security)
    app.openapi = described  # type: ignore[method-assign]
