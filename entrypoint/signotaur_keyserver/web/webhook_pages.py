"""Webhooks: a section of the settings, and how administrators add and remove them.

The path of a webhook's URL may contain a token, so only its host is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.refusals import (
    RefusedError,
    invalid_fields,
    not_found,
    not_possible,
)
from signotaur_keyserver.domain.webhooks import WebhookType
from signotaur_keyserver.service import webhooks
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.webhooks import WebhookOverview
from signotaur_keyserver.web.delivery_pages import RECENT, DeliveryView, latest
from signotaur_keyserver.web.messages import field_refusal
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit, faults_of

routes = Routes()

TYPES = tuple(each.value for each in WebhookType if each is not WebhookType.TEST)
_NO_FAULTS: Mapping[str, str] = {}


@dataclass(frozen=True)
class WebhookBody:
    """Where to send which events; no events: all of them."""

    url: str
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class WebhookView:
    """A webhook with its latest delivery."""

    id: int
    host: str
    """Of its URL. The rest may contain a token, and is not shown."""
    events: tuple[str, ...]
    """Empty: all of them."""
    created_at: datetime
    latest_at: datetime | None
    """When the event of the latest delivery was written; null: there was none."""
    latest_delivered_at: datetime | None
    latest_error: str | None


@dataclass(frozen=True)
class WebhooksAnswer:
    """Every webhook, by id."""

    webhooks: tuple[WebhookView, ...]


@dataclass(frozen=True)
class AddedWebhookAnswer:
    """A new webhook, and the secret of its signatures, which is shown once."""

    id: int
    secret: str


@dataclass(frozen=True)
class RemovedWebhookAnswer:
    """The webhook that this call removed."""

    removed_id: int


@dataclass(frozen=True)
class WebhooksSection:
    """What the settings show."""

    webhooks: tuple[WebhookView, ...]
    deliveries: tuple[DeliveryView, ...]
    """The latest of all webhooks, newest first."""
    may_change: bool


def section(visit: Visit) -> WebhooksSection:
    """Return what the settings show of webhooks."""
    may_change = visit.may(Action.CHANGE_SETTINGS)
    return WebhooksSection(_views(visit), latest(visit, RECENT), may_change)


@routes.page("/settings/webhooks/new", Action.CHANGE_SETTINGS)
def new_webhook_page(visit: Visit) -> Response:
    """Show the form for a webhook."""
    return _form_page(visit, WebhookBody(""))


@routes.form("/settings/webhooks", Action.CHANGE_SETTINGS)
def add_webhook(visit: Visit) -> Response:
    """Add a webhook, and show its secret once. A reload finds that it is there already."""
    body = visit.read(WebhookBody)
    try:
        added = _add(visit, body)
    except RefusedError as refused:
        return _form_page(visit, body, faults_of(refused))
    return visit.render("settings/webhook_added.html", added=added)


@routes.page("/settings/webhooks/{webhook_id:int}/remove", Action.CHANGE_SETTINGS)
def remove_webhook_page(visit: Visit) -> Response:
    """Ask before a webhook is removed."""
    webhook_id = visit.id("webhook_id")
    for view in _views(visit):
        if view.id == webhook_id:
            return visit.render("settings/webhook_remove.html", webhook=view)
    raise not_found()


@routes.form("/settings/webhooks/{webhook_id:int}/remove", Action.CHANGE_SETTINGS)
def remove_webhook(visit: Visit) -> Response:
    """Remove a webhook with its deliveries."""
    _remove(visit)
    return visit.redirect("/settings", "Webhook removed.")


@routes.call("GET", "/api/v1/webhooks", Action.SEE_WEBHOOKS, answer=WebhooksAnswer)
def get_webhooks(visit: Visit) -> Response:
    """List webhooks with their latest deliveries."""
    return visit.answer(WebhooksAnswer(_views(visit)))


@routes.call(
    "POST",
    "/api/v1/webhooks",
    Action.CHANGE_SETTINGS,
    answer=AddedWebhookAnswer,
    body=WebhookBody,
)
def post_webhook(visit: Visit) -> Response:
    """Add a webhook. The secret of its signatures is in this answer alone."""
    return visit.answer(_add(visit, visit.read(WebhookBody)))


@routes.call(
    "DELETE",
    "/api/v1/webhooks/{webhook_id:int}",
    Action.CHANGE_SETTINGS,
    answer=RemovedWebhookAnswer,
)
def delete_webhook(visit: Visit) -> Response:
    """Remove a webhook with its deliveries."""
    return visit.answer(RemovedWebhookAnswer(_remove(visit)))


def _add(visit: Visit, body: WebhookBody) -> AddedWebhookAnswer:
    sealer = visit.context.sealer
    if sealer is None:
        raise not_possible("This server has no master key to seal the secret of a webhook.")
    if not set(body.events) <= set(TYPES):
        raise invalid_fields({"events": "There is no such event."})
    types = [WebhookType(each) for each in body.events]
    try:
        webhook_id, secret = webhooks.add_webhook(
            visit.database, sealer, body.url, types, visit.person
        )
    except AdministrationError as error:
        raise field_refusal("url", error) from None
    return AddedWebhookAnswer(webhook_id, secret)


def _remove(visit: Visit) -> int:
    webhook_id = visit.id("webhook_id")
    try:
        webhooks.remove_webhook(visit.database, webhook_id, visit.person)
    except AdministrationError:
        raise not_found() from None
    return webhook_id


def _form_page(visit: Visit, body: WebhookBody, faults: Mapping[str, str] = _NO_FAULTS) -> Response:
    status = 422 if faults else 200
    return visit.render("settings/webhook_new.html", status, body=body, faults=faults, types=TYPES)


def _views(visit: Visit) -> tuple[WebhookView, ...]:
    return tuple(_view(each) for each in webhooks.overviews(visit.database))


def _view(overview: WebhookOverview) -> WebhookView:
    webhook, latest = overview.webhook, overview.latest
    return WebhookView(
        webhook.id,
        webhook.host,
        webhook.events,
        webhook.created_at_utc,
        None if latest is None else latest.created_at_utc,
        None if latest is None else latest.delivered_at_utc,
        None if latest is None else latest.error,
    )
