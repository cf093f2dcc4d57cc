"""When, from which network and by which client each key was last used.

A use is noted in memory and written with others, so that a request needs no write. One is written
at once: the first use of an old key from a network since its rotation was confirmed. Its owner
must know of it before the overlap ends.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from signotaur_keyserver.database.backend import Watch
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.records import Rotation
from signotaur_keyserver.service.authentication import Caller
from signotaur_keyserver.store import events, key_locks, key_uses, rotations
from signotaur_keyserver.store.key_uses import KeyUse

CAPACITY = 100_000
"""Origins in memory; the one that was noted first is dropped for a new one."""
ORIGINS_PER_KEY = 32
"""Of one key between two writes. A client chooses its own name and version."""
BATCH = 1_000
"""Origins that one transaction writes."""
OTHER = "(other)"
"""Client of the uses above the limit of one key."""


class UseOrigin(NamedTuple):
    """Where a use came from."""

    network: str
    client: str


@dataclass(slots=True)
class _PendingUse:
    first: datetime
    last: datetime
    uses: int


_Uses = OrderedDict[tuple[int, UseOrigin], _PendingUse]


class LastUses:
    """Uses that are not written yet. ``note`` and ``flush`` must not run at the same time."""

    def __init__(self) -> None:
        self._uses: _Uses = OrderedDict()
        self._origins: Counter[int] = Counter()
        self._reported: OrderedDict[tuple[int, str], None] = OrderedDict()

    def note(self, caller: Caller, origin: UseOrigin) -> bool:
        """Note a use; return whether it may be one of an old key that is not reported yet."""
        key = caller.key
        self._add(key.id, origin, _PendingUse(caller.now, caller.now, 1))
        replaced = key.rotation_id is not None and not key.is_unconfirmed
        return replaced and (key.id, origin.network) not in self._reported

    def mark_reported(self, key_id: int, network: str) -> None:
        """Remember that the use of an old key from a network was written."""
        self._reported[key_id, network] = None
        if len(self._reported) > CAPACITY:
            self._reported.popitem(last=False)

    def take(self) -> list[KeyUse]:
        """Return all that was noted, and forget it."""
        taken = [
            KeyUse(key_id, origin.network, origin.client, noted.first, noted.last, noted.uses)
            for (key_id, origin), noted in self._uses.items()
        ]
        self._uses, self._origins = OrderedDict(), Counter()
        return taken

    def put_back(self, unwritten: list[KeyUse]) -> None:
        """Note again what could not be written."""
        for use in unwritten:
            origin = UseOrigin(use.network, use.client)
            self._add(use.key_id, origin, _PendingUse(use.first_at_utc, use.last_at_utc, use.uses))

    def _add(self, key_id: int, origin: UseOrigin, new: _PendingUse) -> None:
        noted = self._uses.get((key_id, origin))
        if noted is None and self._origins[key_id] >= ORIGINS_PER_KEY:
            origin = UseOrigin(OTHER, OTHER)
            noted = self._uses.get((key_id, origin))
        if noted is None:
            self._uses[key_id, origin] = new
            self._origins[key_id] += 1
            if len(self._uses) > CAPACITY:
                (forgotten, _origin), _noted = self._uses.popitem(last=False)
                self._origins[forgotten] -= 1
            return
        noted.first, noted.last = min(noted.first, new.first), max(noted.last, new.last)
        noted.uses += new.uses


def write_uses(database: Database, uses: list[KeyUse], watch: Watch | None = None) -> list[KeyUse]:
    """Write uses; return those of keys that were locked, for the next time.

    No decision about a key depends on them: ``watch`` need not see them.
    Raises DatabaseUnavailableError; a batch is then written or not written as a whole, and a
    use that is written twice is counted twice, nothing worse.
    """
    left: list[KeyUse] = []
    remaining = iter(sorted(uses, key=lambda use: use.key_id))
    while batch := list(islice(remaining, BATCH)):
        with database.write(watch) as connection:
            free = key_uses.lock_free(connection, sorted({use.key_id for use in batch}))
            written = [use for use in batch if use.key_id in free]
            if written:
                key_uses.add(connection, written)
        left += [use for use in batch if use.key_id not in free]
    return left


def record_old_key_use(
    database: Database, caller: Caller, origin: UseOrigin, source: str | None
) -> bool:
    """Write the use of an old key, and its event, if it is the first one from its network.

    Returns False when no rotation of the key is confirmed. Raises DatabaseUnavailableError.
    """
    with database.ask() as connection:
        rotation = rotations.confirmed_of_old_key(connection, caller.key.id)
    if rotation is None or rotation.confirmed_at_utc is None:
        return False
    with database.write() as connection:
        key_locks.lock(connection, [caller.key.id])
        since = rotation.confirmed_at_utc
        if key_uses.is_known_since(connection, caller.key.id, origin.network, since):
            return True
        now = database.clock.now(connection)
        # The use itself is counted with the others.
        use = KeyUse(caller.key.id, origin.network, origin.client, now, now, 0)
        key_uses.add(connection, [use])
        events.write(connection, now, _old_key_used(caller, rotation, origin, source))
    return True


def _old_key_used(
    caller: Caller, rotation: Rotation, origin: UseOrigin, source: str | None
) -> Event:
    key = caller.key
    return Event(
        Level.WARNING,
        EventType.OLD_KEY_USED,
        f"Key {key.id} was used after its rotation to key {rotation.new_key_id} was confirmed.",
        user_id=key.owner_id,
        key_id=key.id,
        rotation_id=rotation.id,
        source=source,
        data={"network": origin.network, "client": origin.client},
    )
