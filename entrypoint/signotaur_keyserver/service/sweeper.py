"""The thread that sweeps at an interval while the server runs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from signotaur_keyserver.database.database import Database, DatabaseUnavailableError
from signotaur_keyserver.pki.master_key import MasterKeyError
from signotaur_keyserver.service.retention import BATCH, prune_events
from signotaur_keyserver.service.sweep import Swept, sweep

_log = logging.getLogger(__name__)


_PAUSE = 0.05
"""Seconds between two batches."""
_SHUTDOWN_TIMEOUT = 1.0
"""Seconds that an ending server waits for a sweep."""


@dataclass
class SweepTotals:
    """What this process's sweeps did since it started."""

    sweeps: int = 0
    revoked: int = 0
    held: int = 0


class Sweeper:
    """Sweeps once at its start and then at every interval, until it is stopped."""

    def __init__(
        self, database: Database, interval: timedelta, event_retention: timedelta | None = None
    ) -> None:
        self._database = database
        self._event_retention = event_retention
        self._interval = interval.total_seconds()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="sweeper", daemon=True)
        self.totals = SweepTotals()

    def start(self) -> None:
        """Sweep now, then in the background. Raises DatabaseUnavailableError."""
        self._count(sweep(self._database))
        self._thread.start()

    def stop(self) -> None:
        """End; a sweep that waits for its turn is given up, and loses nothing."""
        self._stopped.set()
        self._thread.join(_SHUTDOWN_TIMEOUT)

    def sweep_once(self) -> None:
        """Sweep and count; others write between two batches."""
        self._count(sweep(self._database, lambda: self._stopped.wait(_PAUSE)))

    def _count(self, swept: Swept) -> None:
        self.totals.sweeps += 1
        self.totals.revoked += len(swept.revoked_key_ids)
        self.totals.held += len(swept.held_rotation_ids)

    def _run(self) -> None:
        self._attempt(self._prune)
        while not self._stopped.wait(self._interval):
            self._attempt(self.sweep_once)
            self._attempt(self._prune)

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (DatabaseUnavailableError, SQLAlchemyError, MasterKeyError):
            # Deadlines are enforced at use: a late sweep only writes them down later.
            _log.warning("a sweep failed; the next one will do its work", exc_info=True)

    def _prune(self) -> None:
        if self._event_retention is None:
            return
        while prune_events(self._database, self._event_retention) == BATCH:
            # Others write meanwhile.
            if self._stopped.wait(_PAUSE):
                return
