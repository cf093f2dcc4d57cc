"""What webhooks got: the log of deliveries, and a message to try one."""

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from signotaur_keyserver.domain.authorization import Action
from signotaur_keyserver.domain.refusals import not_found, not_possible
from signotaur_keyserver.pki.master_key import MasterKeyError
from signotaur_keyserver.service import webhooks
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.webhook_post import UndeliveredError
from signotaur_keyserver.store.webhooks import Delivery
from signotaur_keyserver.web.routes import Routes
from signotaur_keyserver.web.visit import Visit

routes = Routes()

RECENT = 10
"""Deliveries that the settings show."""
_LOGGED = 100
"""Deliveries that the log shows."""


@dataclass(frozen=True)
class DeliveryView:
    """One message to one webhook."""

    id: int
    webhook_id: int
    type: str
    created_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    """Null: delivered, or given up."""
    delivered_at: datetime | None
    status: int | None
    """Of the latest answer."""
    error: str | None


@dataclass(frozen=True)
class DeliveriesAnswer:
    """The latest deliveries of all webhooks, newest first."""

    deliveries: tuple[DeliveryView, ...]


@dataclass(frozen=True)
class WebhookTestAnswer:
    """What became of a test message."""

    status: int | None
    """Of the receiver's answer; null: it gave none."""
    error: str | None
    """Why it was not delivered; null: it was."""


def latest(visit: Visit, limit: int) -> tuple[DeliveryView, ...]:
    """Return the latest deliveries, newest first."""
    deliveries = webhooks.list_deliveries(visit.database, None, limit)
    return tuple(_view(each) for each in reversed(deliveries))


@routes.page("/settings/webhooks/deliveries", Action.SEE_WEBHOOKS)
def deliveries_page(visit: Visit) -> Response:
    """Show the log of deliveries."""
    return visit.render("settings/deliveries.html", deliveries=latest(visit, _LOGGED))


@routes.call("GET", "/api/v1/webhooks/deliveries", Action.SEE_WEBHOOKS, answer=DeliveriesAnswer)
def get_deliveries(visit: Visit) -> Response:
    """List the latest deliveries. What was sent is not in the answer."""
    return visit.answer(DeliveriesAnswer(latest(visit, _LOGGED)))


@routes.form("/settings/webhooks/{webhook_id:int}/test", Action.CHANGE_SETTINGS)
def try_webhook(visit: Visit) -> Response:
    """Send a test message, and say what became of it."""
    tried = _send_test(visit)
    outcome = f"the receiver answered {tried.status}" if tried.error is None else tried.error
    return visit.redirect("/settings", f"Test of webhook {visit.id('webhook_id')}: {outcome}.")


@routes.call(
    "POST",
    "/api/v1/webhooks/{webhook_id:int}/test",
    Action.CHANGE_SETTINGS,
    answer=WebhookTestAnswer,
)
def post_webhook_test(visit: Visit) -> Response:
    """Send a message of the type ``test`` now. It is in no log."""
    return visit.answer(_send_test(visit))


def _send_test(visit: Visit) -> WebhookTestAnswer:
    try:
        with visit.database.read() as connection:
            webhook = webhooks.require_webhook(connection, visit.id("webhook_id"))
    except AdministrationError:
        raise not_found() from None
    sender = visit.context.webhooks
    if sender is None:
        raise not_possible("This server sends no webhooks.")
    try:
        return WebhookTestAnswer(sender.send_test(webhook), None)
    except UndeliveredError as failed:
        return WebhookTestAnswer(failed.status, str(failed))
    except MasterKeyError:
        return WebhookTestAnswer(None, "the server cannot open the secret of this webhook")


def _view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        delivery.id,
        delivery.webhook_id,
        delivery.type,
        delivery.created_at_utc,
        delivery.attempts,
        delivery.next_attempt_at_utc,
        delivery.delivered_at_utc,
        delivery.status,
        delivery.error,
    )
