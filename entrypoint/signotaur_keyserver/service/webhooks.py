"""What a person does with webhooks: add, list, remove, and look at their deliveries."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Person
from signotaur_keyserver.domain.webhooks import (
    Webhook,
    WebhookType,
    WebhookUrlError,
    require_url,
)
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.service.administration import AdministrationError
from signotaur_keyserver.service.person_transaction import require_administrator
from signotaur_keyserver.store import event_chain, events, webhooks
from signotaur_keyserver.store.sealed import webhook_name
from signotaur_keyserver.store.webhooks import Delivery
from signotaur_wire.members import Json

MAX_WEBHOOKS = 20
_SECRET_PREFIX = "whsec_"  # noqa: S105 - how a secret begins is none
_SECRET_BYTES = 32


@dataclass(frozen=True)
class WebhookOverview:
    """A webhook as a person sees it."""

    webhook: Webhook
    latest: Delivery | None


def add_webhook(
    database: Database,
    sealer: Sealer,
    url: str,
    types: Sequence[WebhookType],
    by: Person | None = None,
) -> tuple[int, str]:
    """Add a webhook, for all types where none is given; return its id and its secret.

    ``by`` is who asked on the pages; None is somebody at the command line. Raises
    AdministrationError and MasterKeyError.
    """
    try:
        require_url(url)
    except WebhookUrlError as error:
        raise AdministrationError(str(error)) from None
    secret = _SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    with _change(database, by) as (connection, now):
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
        _log(connection, now, EventType.WEBHOOK_ADDED, message, by)
    return webhook_id, secret


def list_webhooks(database: Database) -> list[Webhook]:
    """Return every webhook."""
    with database.read() as connection:
        return webhooks.every(connection)


def overviews(database: Database) -> list[WebhookOverview]:
    """Return every webhook with its latest delivery."""
    with database.read() as connection:
        return [
            WebhookOverview(each, next(iter(webhooks.latest(connection, each.id, 1)), None))
            for each in webhooks.every(connection)
        ]


def remove_webhook(database: Database, webhook_id: int, by: Person | None = None) -> None:
    """Remove a webhook with its deliveries. Raises AdministrationError."""
    with _change(database, by) as (connection, now):
        webhook = require_webhook(connection, webhook_id)
        webhooks.remove(connection, webhook_id)
        message = f"Webhook {webhook_id} to {webhook.host} was removed."
        _log(connection, now, EventType.WEBHOOK_REMOVED, message, by)


def list_deliveries(database: Database, webhook_id: int | None, limit: int) -> Sequence[Delivery]:
    """Return the latest deliveries, oldest first."""
    with database.read() as connection:
        return webhooks.latest(connection, webhook_id, limit)


@contextmanager
def _change(database: Database, by: Person | None) -> Iterator[tuple[Connection, datetime]]:
    """Begin a change, one at a time: what is checked must be true at the end of it, too."""
    with database.write() as connection:
        event_chain.lock_head(connection)
        if by is not None:
            require_administrator(connection, by)
        yield connection, database.clock.now(connection)


def _log(
    connection: Connection, now: datetime, event_type: EventType, message: str, by: Person | None
) -> None:
    data: Json = {} if by is None else {"byUserId": by.id}
    events.write(connection, now, Event(Level.SECURITY, event_type, message, data=data))


def require_webhook(connection: Connection, webhook_id: int) -> Webhook:
    """Return a webhook. Raises AdministrationError when there is none."""
    webhook = webhooks.get(connection, webhook_id)
    if webhook is None:
        raise AdministrationError(f"there is no webhook {webhook_id}")
    return webhook
