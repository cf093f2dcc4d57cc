"""The thread that sends queued deliveries while the server runs; of several, one sends each."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from signotaur_keyserver.database.database import Database, DatabaseUnavailableError
from signotaur_keyserver.domain.webhooks import Webhook, next_pause, signature
from signotaur_keyserver.pki.master_key import MasterKeyError, Sealer
from signotaur_keyserver.service.webhook_post import Poster, UndeliveredError
from signotaur_keyserver.store import webhooks
from signotaur_keyserver.store.sealed import webhook_name
from signotaur_keyserver.store.webhooks import Delivery
from signotaur_wire.members import Json
from signotaur_wire.version import VERSION

_log = logging.getLogger(__name__)

_INTERVAL = 2.0
"""Seconds between two looks at the queue."""
_BATCH = 16
_THREADS = 4
_LEASE = timedelta(minutes=5)
"""After which another attempt is made for a sender that died."""
_SHUTDOWN_TIMEOUT = 1.0


class WebhookSender:
    """Sends what is due, from its start until it is stopped."""

    def __init__(self, database: Database, sealer: Sealer, poster: Poster) -> None:
        self._database = database
        self._sealer = sealer
        self._poster = poster
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Send in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more; an attempt that is under way is made again later if need be."""
        self._stopped.set()
        self._thread.join(_SHUTDOWN_TIMEOUT)

    def send_test(self, webhook: Webhook) -> int:
        """Send a test message now; return the status. Raises as ``send``."""
        return send_test(self._database, self._sealer, self._poster, webhook)

    def send_due(self) -> int:
        """Send what is due now; return how many attempts were made."""
        with self._database.read() as connection:  # most often there is nothing: no write then
            now = self._database.clock.now(connection)
            if not webhooks.due(connection, now, 1):
                return 0
        claimed = self._claimed()
        # Not a context: its end would wait for a receiver that does not answer.
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook")
        try:
            list(pool.map(self._attempt, claimed))
        finally:
            pool.shutdown(wait=False)
        return len(claimed)

    def _run(self) -> None:
        while not self._stopped.wait(_INTERVAL):
            try:
                while self.send_due() == _BATCH and not self._stopped.is_set():
                    pass
            except (DatabaseUnavailableError, SQLAlchemyError):
                _log.warning("webhooks could not be sent; the next attempt follows", exc_info=True)

    def _claimed(self) -> list[tuple[Webhook, Delivery]]:
        with self._database.write() as connection:
            now = self._database.clock.now(connection)
            due = webhooks.due(connection, now, _BATCH)
            own = [each for each in due if webhooks.claim(connection, each, now + _LEASE)]
            places = {each.id: each for each in webhooks.every(connection)}
        return [(places[each.webhook_id], each) for each in own if each.webhook_id in places]

    def _attempt(self, claimed: tuple[Webhook, Delivery]) -> None:
        webhook, delivery = claimed
        status: int | None = None
        error = ""
        try:
            status = send(self._database, self._sealer, self._poster, webhook, delivery)
        except UndeliveredError as failed:
            status, error = failed.status, str(failed)
        except MasterKeyError:
            error = "the server cannot open the secret of this webhook"
        with self._database.write() as connection:
            now = self._database.clock.now(connection)
            if not error and status is not None:
                webhooks.note_delivered(connection, delivery.id, now, status)
                return
            pause = next_pause(delivery.attempts + 1)
            again = None if pause is None else now + pause
            webhooks.note_failed(connection, delivery.id, again, status, error)


def send(
    database: Database, sealer: Sealer, poster: Poster, webhook: Webhook, delivery: Delivery
) -> int:
    """Sign and post one delivery; return the status. Raises UndeliveredError, MasterKeyError."""
    return _post(database, sealer, poster, webhook, delivery.payload, str(delivery.id))


def send_test(database: Database, sealer: Sealer, poster: Poster, webhook: Webhook) -> int:
    """Sign and post a message of the type ``test``, which is in no log. Raises as ``send``."""
    with database.read() as connection:
        now = database.clock.now(connection)
    body: Json = {"type": "test", "at": now.isoformat(), "message": "This is a test."}
    return _post(database, sealer, poster, webhook, body, "test")


def _post(
    database: Database, sealer: Sealer, poster: Poster, webhook: Webhook, payload: Json, name: str
) -> int:
    with database.read() as connection:
        timestamp = int(database.clock.now(connection).timestamp())
    secret = sealer.unseal(webhook.sealed_secret, webhook_name(webhook.url)).decode()
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"signotaur-keyserver/{VERSION}",
        "Signotaur-Delivery": name,
        "Signotaur-Signature": signature(secret, timestamp, body),
    }
    return poster.post(webhook.url, body, headers)
