"""The answer to the key check as text, kept for keys that do not change."""

import json
from datetime import UTC, datetime

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.records import Key
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.service.description import describe_self
from signotaur_wire.members import format_time

CAPACITY = 10_000
"""Texts in memory; with one more, all are forgotten."""

# As JSONResponse does it, but for its encoder, of which it makes a new one for each answer.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_TIME = '"serverTime":"'
_NOTHING = None, b""


class Descriptions:
    """Describes keys to themselves as JSON text."""

    def __init__(self, database: Database, capacity: int = CAPACITY) -> None:
        self._database = database
        self._capacity = capacity
        self._known: dict[int, tuple[Key, bytes]] = {}
        self._now, self._end = datetime.min.replace(tzinfo=UTC), b""

    def of(self, caller: Caller) -> bytes:
        """Return the description of the caller's key.

        While ``KnownKeys`` returns the same record, nothing was committed. Of a key that is alive
        and takes part in no rotation, only the server's time changes then.
        """
        kept = self.kept(caller)
        if kept is not None:
            return kept
        text = _encode(describe_self(self._database, caller).to_json())
        if caller.key.rotation_id is None:
            self._keep(caller.key, text[: text.rindex(_TIME) + len(_TIME)].encode())
        return text.encode()

    def kept(self, caller: Caller) -> bytes | None:
        """Return the description of the caller's key, if it was made before and still holds."""
        record, head = self._known.get(caller.key.id, _NOTHING)
        if record is not caller.key:
            return None
        if caller.now is not self._now:  # those who ask in one turn of the event loop share it
            self._now, self._end = caller.now, f'{format_time(caller.now)}"}}'.encode()
        return head + self._end

    def _keep(self, key: Key, head: bytes) -> None:
        if len(self._known) >= self._capacity:
            self._known.clear()
        self._known[key.id] = key, head
