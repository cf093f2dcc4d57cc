"""Keys that were proven before, as long as nothing in the database has changed since.

The uses that this process writes are no change: no decision about a key depends on them.

Only where the database says cheaply whether anything was committed: SQLite. A revocation by any
process therefore takes effect at the very next request.
"""

from datetime import UTC, datetime

from signotaur_keyserver.database.backend import Watch
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import rules
from signotaur_keyserver.domain.records import Key
from signotaur_keyserver.service.authentication import Caller, authenticate
from signotaur_wire import keyformat

CAPACITY = 10_000
"""Keys in memory; with one more, all are forgotten."""


class KnownKeys:
    """Authenticates callers. Between ``start`` and ``stop`` for one thread at a time."""

    def __init__(self, database: Database, capacity: int = CAPACITY) -> None:
        self._database = database
        self._capacity = capacity
        self._watch: Watch | None = None
        self._version: int | None = None
        self._now = datetime.min.replace(tzinfo=UTC)
        self._keys: dict[str, Key] = {}

    def start(self) -> None:
        """Begin to keep keys, where the database can be watched."""
        self._watch = self._database.watch()

    @property
    def watch(self) -> Watch | None:
        """What sees commits; one that changes nothing about keys here may be made through it."""
        return self._watch

    def stop(self) -> None:
        """Keep no keys any more."""
        if self._watch is not None:
            self._watch.close()
        self._watch = None

    def authenticate(self, key_text: str) -> Caller:
        """Return the caller whose key this is. Raises RefusedError as ``authenticate`` does."""
        # Looked at before a key is read: a key that is kept is never older than its version.
        if not self.look():
            return authenticate(self._database, key_text)
        known = self.find(key_text)
        if known is not None:
            return known
        caller = authenticate(self._database, key_text)
        if len(self._keys) >= self._capacity:
            self._keys.clear()
        self._keys[caller.key.sha256] = caller.key
        return caller

    def look(self) -> bool:
        """Forget all keys if anything was committed; return whether kept keys may be used.

        Raises DatabaseUnavailableError.
        """
        seen = None if self._watch is None else self._watch.look()
        if seen is None:
            return False
        version, now = seen
        if version != self._version:
            self._keys.clear()
            self._version = version
        self._now = self._database.clock.shift(now)
        return True

    def find(self, key_text: str) -> Caller | None:
        """Return the caller whose key this is, if it was proven and nothing was committed since.

        This is as of the last look, which must not be older than the request. Raises RefusedError
        when the key has died.
        """
        # The digest of a text that was proven before: only that same text has it.
        key = self._keys.get(keyformat.digest(key_text))
        if key is None:
            return None
        rules.require_alive(key, self._now)
        return Caller(key, self._now)
