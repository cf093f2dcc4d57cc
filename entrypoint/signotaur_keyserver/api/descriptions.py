"""The answer to the key check as text, kept for keys that do not change."""

import json

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


class Descriptions:
    """Describes keys to themselves as JSON text."""

    def __init__(self, database: Database, capacity: int = CAPACITY) -> None:
        self._database = database
        self._capacity = capacity
        self._known: dict[int, tuple[Key, str]] = {}

    def of(self, caller: Caller) -> str:
        """Return the description of the caller's key.

        While ``KnownKeys`` returns the same record, nothing was committed. Of a key that is alive
        and takes part in no rotation, only the server's time changes then.
        """
        key = caller.key
        record, head = self._known.get(key.id, (None, ""))
        if record is not key:
            text = _encode(describe_self(self._database, caller).to_json())
            if key.rotation_id is not None:
                return text
            head = text[: text.rindex(_TIME) + len(_TIME)]
            self._keep(key, head)
        return f'{head}{format_time(caller.now)}"}}'

    def _keep(self, key: Key, head: str) -> None:
        if len(self._known) >= self._capacity:
            self._known.clear()
        self._known[key.id] = key, head
