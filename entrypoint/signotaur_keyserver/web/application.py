"""Put the pages and their JSON twins on the app of the API."""

from fastapi import FastAPI

from signotaur_keyserver.web import (
    certificate_pages,
    delivery_pages,
    event_pages,
    key_list_pages,
    key_pages,
    key_policy_pages,
    overlap_pages,
    policy_pages,
    profile_pages,
    rotation_pages,
    session_pages,
    settings_pages,
    static_routes,
    trust_pages,
    user_pages,
    webhook_pages,
)
from signotaur_keyserver.web.errors import PageBoundary
from signotaur_keyserver.web.routes import Route
from signotaur_keyserver.web.site import Site, SiteOptions, add_description

_MODULES = (
    session_pages.routes,
    profile_pages.routes,
    user_pages.routes,
    event_pages.routes,
    key_list_pages.routes,
    key_pages.routes,
    key_policy_pages.routes,
    overlap_pages.routes,
    rotation_pages.routes,
    certificate_pages.routes,
    settings_pages.routes,
    policy_pages.routes,
    webhook_pages.routes,
    delivery_pages.routes,
    trust_pages.routes,
)
ROUTES: tuple[Route, ...] = tuple(route for routes in _MODULES for route in routes.all)
"""Every page, form and call of people."""


def add_pages(app: FastAPI, options: SiteOptions) -> None:
    """Add the pages; without this call the server has its API alone."""
    app.state.site = Site.of(options)
    app.include_router(static_routes.router)
    schemas: dict[str, object] = {}
    for routes in _MODULES:
        app.include_router(routes.router)
        schemas |= routes.schemas
    add_description(app, schemas)
    app.add_middleware(PageBoundary, templates=app.state.site.templates)
