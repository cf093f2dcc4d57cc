"""Statements on webhooks and their deliveries. Deliveries are queued with the event's change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from signotaur_keyserver.domain.events import Event
from signotaur_keyserver.domain.schema import webhook_deliveries, webhooks
from signotaur_keyserver.domain.webhooks import Webhook, payload, webhook_type
from signotaur_wire.members import Json

_deliveries = webhook_deliveries.c
# Asked at every event: building it would take longer than executing it.
_EVERY = select(webhooks).order_by(webhooks.c.id)
ERROR_LENGTH = 200


@dataclass(frozen=True)
class Delivery:
    """One message to one webhook."""

    id: int
    webhook_id: int
    type: str
    payload: Json
    created_at_utc: datetime
    attempts: int
    next_attempt_at_utc: datetime | None
    """None: delivered, or given up."""
    delivered_at_utc: datetime | None
    status: int | None
    """Of the latest answer."""
    error: str | None


def add(connection: Connection, webhook: Webhook) -> int:
    """Insert a webhook, whose id is not used, and return its id."""
    values = {**vars(webhook), "events": list(webhook.events)}
    del values["id"]
    statement = insert(webhooks).values(**values).returning(webhooks.c.id)
    return int(connection.execute(statement).scalar_one())


def every(connection: Connection) -> list[Webhook]:
    """Return all webhooks, by id."""
    rows = connection.execute(_EVERY).mappings()
    return [_webhook(row) for row in rows]


def get(connection: Connection, webhook_id: int) -> Webhook | None:
    """Return a webhook, or None."""
    found = select(webhooks).where(webhooks.c.id == webhook_id)
    row = connection.execute(found).mappings().one_or_none()
    return None if row is None else _webhook(row)


def remove(connection: Connection, webhook_id: int) -> None:
    """Delete a webhook with its deliveries."""
    connection.execute(delete(webhook_deliveries).where(_deliveries.webhook_id == webhook_id))
    connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))


def queue(connection: Connection, now: datetime, written: Mapping[int, Event]) -> None:
    """Queue events, by their ids, for every webhook that wants them."""
    notified = {event_id: webhook_type(event) for event_id, event in written.items()}
    if not any(notified.values()):
        return
    present = every(connection)
    for event_id, kind in notified.items():
        for webhook in present:
            if kind is not None and webhook.wants(kind):
                body = payload(kind, event_id, now, written[event_id])
                connection.execute(
                    insert(webhook_deliveries).values(
                        webhook_id=webhook.id,
                        type=kind.value,
                        payload=body,
                        created_at_utc=now,
                        attempts=0,
                        next_attempt_at_utc=now,
                    )
                )


def due(connection: Connection, now: datetime, limit: int) -> list[Delivery]:
    """Return deliveries whose next attempt is due, the one that waits longest first."""
    statement = (
        select(webhook_deliveries)
        .where(_deliveries.next_attempt_at_utc <= now)
        .order_by(_deliveries.next_attempt_at_utc, _deliveries.id)
        .limit(limit)
    )
    return [Delivery(**row) for row in connection.execute(statement).mappings()]


def claim(connection: Connection, delivery: Delivery, until: datetime) -> bool:
    """Take a due delivery for oneself; False when another instance has taken it."""
    claimed = connection.execute(
        update(webhook_deliveries)
        .where(
            _deliveries.id == delivery.id,
            _deliveries.next_attempt_at_utc == delivery.next_attempt_at_utc,
        )
        .values(next_attempt_at_utc=until, attempts=_deliveries.attempts + 1)
    )
    return claimed.rowcount == 1


def note_delivered(connection: Connection, delivery_id: int, now: datetime, status: int) -> None:
    """Write that a delivery was taken."""
    _note(connection, delivery_id, delivered_at_utc=now, status=status, error=None)


def note_failed(
    connection: Connection,
    delivery_id: int,
    next_attempt: datetime | None,
    status: int | None,
    error: str,
) -> None:
    """Write why an attempt failed, and when the next one is; None: there is none."""
    _note(
        connection,
        delivery_id,
        next_attempt_at_utc=next_attempt,
        status=status,
        error=error[:ERROR_LENGTH],
    )


def latest(connection: Connection, webhook_id: int | None, limit: int) -> Sequence[Delivery]:
    """Return the latest deliveries, of one webhook or of all, oldest first."""
    statement = select(webhook_deliveries).order_by(_deliveries.id.desc()).limit(limit)
    if webhook_id is not None:
        statement = statement.where(_deliveries.webhook_id == webhook_id)
    rows = connection.execute(statement).mappings().all()
    return [Delivery(**row) for row in reversed(rows)]


def prune(connection: Connection, before: datetime) -> None:
    """Delete deliveries from before a moment that are not to be tried again."""
    connection.execute(
        delete(webhook_deliveries).where(
            _deliveries.created_at_utc < before, _deliveries.next_attempt_at_utc.is_(None)
        )
    )


def _note(connection: Connection, delivery_id: int, **values: object) -> None:
    changed = {"next_attempt_at_utc": None} | values
    connection.execute(
        update(webhook_deliveries).where(_deliveries.id == delivery_id).values(**changed)
    )


def _webhook(row: RowMapping) -> Webhook:
    return Webhook(**{**row, "events": tuple(row["events"])})
