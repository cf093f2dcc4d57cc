"""What webhooks tell of: which event, in which words, signed how, and when it is tried again.

Pure. A payload contains what the event log contains: no key and no secret.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from signotaur_keyserver.domain.events import Event, EventType
from signotaur_wire.members import Json, format_time
from signotaur_wire.problems import Problem

URL_MAX_LENGTH = 2000
_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 3 * 60, 6 * 60, 12 * 60))
"""Between one attempt and the next: the last one is about a day after the first."""
_SIGNING = (Problem.PURPOSE_DENIED, Problem.SIGNING_BUDGET_SPENT)


class WebhookType(StrEnum):
    """What a webhook may be notified of."""

    ROTATION_OPENED = "rotation-opened"
    ROTATION_CONFIRMED = "rotation-confirmed"
    ROTATION_STALLED = "rotation-stalled"
    KEY_EXPIRES_SOON = "key-expires-soon"
    KEY_EXPIRED = "key-expired"
    KEY_REVOKED = "key-revoked"
    KEY_LEAKED = "key-leaked"
    OLD_KEY_USED = "old-key-used"
    """The old key was used after the rotation was confirmed."""
    SIGNING_REFUSED = "signing-refused"
    TEST = "test"
    """Sent by ``webhook test`` alone."""


_TYPES = {
    EventType.ROTATION_OPENED: WebhookType.ROTATION_OPENED,
    EventType.ROTATION_CONFIRMED: WebhookType.ROTATION_CONFIRMED,
    EventType.ROTATION_HELD: WebhookType.ROTATION_STALLED,
    EventType.KEY_EXPIRES_SOON: WebhookType.KEY_EXPIRES_SOON,
    EventType.KEY_EXPIRED: WebhookType.KEY_EXPIRED,
    EventType.KEY_REVOKED: WebhookType.KEY_REVOKED,
    EventType.KEY_LEAKED: WebhookType.KEY_LEAKED,
    EventType.OLD_KEY_USED: WebhookType.OLD_KEY_USED,
    EventType.CERTIFICATE_REFUSED: WebhookType.SIGNING_REFUSED,
    EventType.SIGNATURE_REFUSED: WebhookType.SIGNING_REFUSED,
}


class WebhookUrlError(ValueError):
    """A URL cannot be that of a webhook. The message says why, and contains no part of it."""


@dataclass(frozen=True)
class Webhook:
    """A URL to post to, with its secret sealed."""

    id: int
    url: str
    sealed_secret: bytes
    events: tuple[str, ...]
    """Types; empty: all of them."""
    enabled: bool
    created_at_utc: datetime

    def wants(self, webhook_type: str) -> bool:
        """Return whether it wants events of a type."""
        return self.enabled and (not self.events or webhook_type in self.events)

    @property
    def host(self) -> str:
        """Host of the URL, which may be shown: path and query may contain a token."""
        return urlsplit(self.url).hostname or ""


def webhook_type(event: Event) -> WebhookType | None:
    """Return what webhooks call an event; None when they do not get it."""
    if event.type == EventType.REQUEST_REFUSED and event.data.get("problem") in _SIGNING:
        return WebhookType.SIGNING_REFUSED
    return _TYPES.get(event.type)


def payload(webhook_type: WebhookType, event_id: int, at: datetime, event: Event) -> Json:
    """Return the body of a delivery."""
    return {
        "type": webhook_type.value,
        "eventId": event_id,
        "at": format_time(at),
        "level": event.level,
        "message": event.message,
        "keyId": event.key_id,
        "userId": event.user_id,
        "rotationId": None if event.rotation_id is None else str(event.rotation_id),
        "source": event.source,
        "data": event.data,
    }


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return the header that proves who sent a body, and when (seconds since 1970)."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def next_pause(attempts: int) -> timedelta | None:
    """Return how long to wait after a number of failed attempts; None: give up."""
    return _PAUSES[attempts - 1] if attempts <= len(_PAUSES) else None


def require_url(url: str) -> None:
    """Raise WebhookUrlError unless a URL can be used."""
    if len(url) > URL_MAX_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise WebhookUrlError(
            f"a URL has at most {URL_MAX_LENGTH} printable ASCII characters without spaces"
        )
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise WebhookUrlError("a URL is https://HOST/PATH")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise WebhookUrlError("a URL must not contain a user name, a password or a fragment")
