"""What a person does with webhooks: add, list, remove, and look at their deliveries."""

import secrets
from collections.abc import Sequence

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.webhooks import (
    Webhook,
    WebhookType,
    WebhookUrlError,
    require_url,
)
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.store import events, webhooks
from signotaur_keyserver.store.sealed import webhook_name
from signotaur_keyserver.store.webhooks import Delivery

MAX_WEBHOOKS = 20
_SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins is none
_SECRET_BYTES = 32


def add_webhook(
    database: Database, sealer: Sealer, url: str, types: Sequence[WebhookType]
) -> tuple[int, str]:
    """Add a webhook, for all types where none is given; return its id and its secret.

    Raises AdministrationError and MasterKeyError.
    """
    try:
        require_url(url)
    except WebhookUrlError as error:
        raise AdministrationError(str(error)) from None
    secret = _SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    with database.write() as connection:
        now = database.clock.now(connection)
        present = webhooks.every(connection)
        if any(each.url == url for each in present):
            raise AdministrationError("there is a webhook with this URL already")
        if len(present) >= MAX_WEBHOOKS:
            raise AdministrationError(f"there can be at most {MAX_WEBHOOKS} webhooks")
        sealed = sealer.seal(secret.encode(), webhook_name(url))
        names = tuple(each.value for each in dict.fromkeys(types))
        webhook = Webhook(0, url, sealed, names, enabled=True, created_at_utc=now)
        webhook_id = webhooks.add(connection, webhook)
        message = f"Webhook {webhook_id} to {webhook.host} was added."
        events.write(connection, now, Event(Level.SECURITY, EventType.WEBHOOK_ADDED, message))
    return webhook_id, secret


def list_webhooks(database: Database) -> list[Webhook]:
    """Return every webhook."""
    with database.read() as connection:
        return webhooks.every(connection)


def remove_webhook(database: Database, webhook_id: int) -> None:
    """Remove a webhook with its deliveries. Raises AdministrationError."""
    with database.write() as connection:
        now = database.clock.now(connection)
        webhook = require_webhook(connection, webhook_id)
        webhooks.remove(connection, webhook_id)
        message = f"Webhook {webhook_id} to {webhook.host} was removed."
        events.write(connection, now, Event(Level.SECURITY, EventType.WEBHOOK_REMOVED, message))


def list_deliveries(database: Database, webhook_id: int | None, limit: int) -> Sequence[Delivery]:
    """Return the latest deliveries, oldest first."""
    with database.read() as connection:
        return webhooks.latest(connection, webhook_id, limit)


def require_webhook(connection: Connection, webhook_id: int) -> Webhook:
    """Return a webhook. Raises AdministrationError when there is none."""
    webhook = webhooks.get(connection, webhook_id)
    if webhook is None:
        raise AdministrationError(f"there is no webhook {webhook_id}")
    return webhook
