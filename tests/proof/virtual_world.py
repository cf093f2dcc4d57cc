"""Two machines that rotate one key, a server with a virtual clock, and mishaps between acts.

The rotation and the journal of the client against the server's own HTTP, in one process.
"""

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar
from uuid import UUID

from keyserver.harness import Running
from signotaur_action.errors import SignotaurError
from signotaur_action.files.journal import JournalPlace
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.model import Delivery, KeyInfo, OpenRotation, Rotation, RotationIntent, Secret
from signotaur_action.rotation import RotationPlan, RotationRun
from signotaur_keyserver.database.database import Clock, Database
from signotaur_keyserver.domain.records import Key
from signotaur_keyserver.service import administration
from signotaur_keyserver.service.sweep import sweep
from signotaur_keyserver.store import keys
from signotaur_wire import keyformat
from signotaur_wire.messages import DestinationOutcome, KeyState
from signotaur_wire.roles import ROTATOR
from support.clock import VirtualClock
from support.fakes import MemorySink, RecordingProgressLog

T = TypeVar("T")
OWNER = "build"

LEASE_AND_MORE = timedelta(minutes=11)


class Killed(BaseException):
    """A run was killed: nothing in it catches this."""


class VirtualServer:
    """The key server on a database whose clock a test moves. Use it as a context manager."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._passed = timedelta(0)
        administration.add_user(database, OWNER, admin=False, roles=(ROTATOR,))
        self._running = Running(database)

    def __enter__(self) -> Self:
        self.url = self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__()

    def pass_time(self, span: timedelta) -> None:
        """Let time pass, for the server and all that it decides."""
        self._passed += span
        self.database.clock = Clock(self._passed)

    def sweep(self) -> None:
        """Make permanent what is due."""
        sweep(self.database)

    def add_key(self, name: str) -> Secret:
        """Add a key that never expires."""
        return Secret(administration.add_key(self.database, OWNER, name, None))

    def works(self, key: Secret) -> bool:
        """Return whether a key works now, without using it."""
        found, now = self._find(key)
        return found.state(now) in (KeyState.ACTIVE, KeyState.CANDIDATE)

    def lasts(self, key: Secret) -> bool:
        """Return whether a key works and nothing will end it."""
        return self.works(key) and self._find(key)[0].revoke_due_utc is None

    def knows(self, key: Secret) -> bool:
        """Return whether a key was ever opened here."""
        with self.database.read() as connection:
            return keys.find_used(connection, _public_id(key)) is not None

    def _find(self, key: Secret) -> tuple[Key, datetime]:
        with self.database.read() as connection:
            found = keys.find_used(connection, _public_id(key))
            assert found is not None
            return found[0], self.database.clock.shift(found[1])


def _public_id(key: Secret) -> str:
    return keyformat.parse(key.reveal()).public_id


class WatchedService:
    """A key service; ``moment`` is called before and after each of its calls."""

    arms_at_once = False

    def __init__(self, service: HttpKeyService, moment: Callable[[], None]) -> None:
        self._service = service
        self._moment = moment
        self.address = service.address
        self.made: list[Secret] = []
        """The candidates."""

    def describe(self, key: Secret) -> KeyInfo:
        """See ``KeyService``."""
        return self._watched(lambda: self._service.describe(key))

    def new_key(self) -> Secret:
        """See ``KeyService``."""
        self.made.append(self._service.new_key())
        return self.made[-1]

    def open_rotation(self, key: Secret, intent: RotationIntent) -> OpenRotation:
        """See ``KeyService``."""
        return self._watched(lambda: self._service.open_rotation(key, intent))

    def rotation(self, key: Secret, rotation_id: UUID) -> Rotation | None:
        """See ``KeyService``."""
        return self._watched(lambda: self._service.rotation(key, rotation_id))

    def confirm(
        self, key: Secret, rotation_id: UUID, destinations: Sequence[DestinationOutcome] = ()
    ) -> Rotation:
        """See ``KeyService``."""
        return self._watched(lambda: self._service.confirm(key, rotation_id, destinations))

    def _watched(self, call: Callable[[], T]) -> T:
        self._moment()
        answer = call()
        self._moment()
        return answer


class WatchedSink(MemorySink):
    """A destination that both machines write; ``moment`` is called before and after a delivery."""

    moment: Callable[[], None] = staticmethod(lambda: None)

    def deliver(self, delivery: Delivery) -> None:
        """See ``Sink``."""
        self.moment()
        super().deliver(delivery)
        self.moment()


class VirtualWorld:
    """One key in two destinations, and two machines that rotate it. A job reads the last one."""

    def __init__(self, server: VirtualServer, folder: Path, name: str) -> None:
        self.server = server
        first = server.add_key(name)
        self.keys = [first]
        """Every key that was made."""
        self.sinks = [WatchedSink("first", held=first), WatchedSink("last", held=first)]
        self.steps = 0
        """How often the destinations were looked at: before and after every act."""
        self.locked_out: list[str] = []
        self._folders = [folder / f"{name} {machine}" for machine in (0, 1)]

    @property
    def held(self) -> list[Secret]:
        """What the destinations hold."""
        return [sink.held for sink in self.sinks if sink.held is not None]

    def look(self) -> None:
        """Note a destination that holds a key which the server refuses.

        Not by an exception: a run would report it as one of its own failures.
        """
        self.steps += 1
        refused = [
            sink.name for sink in self.sinks if sink.held and not self.server.works(sink.held)
        ]
        self.locked_out += [f"{name} at step {self.steps}" for name in refused]

    def run(self, machine: int, at: int = 0, act: Callable[[], None] = lambda: None) -> str:
        """Run a rotation; do something at one of its moments, counted from 1. Return how it ended.

        A moment is before or after a call or a delivery.
        """
        outer = [sink.moment for sink in self.sinks]
        moment = _Moments(at, act, self.look)
        service = WatchedService(
            HttpKeyService(ServerAddress(self.server.url), VirtualClock()), moment
        )
        for sink in self.sinks:
            sink.moment = moment
        try:
            return self._rotated(machine, service)
        except Killed:
            return "killed"
        except SignotaurError as error:
            return type(error).__name__
        finally:
            self.keys += service.made
            for sink, before in zip(self.sinks, outer, strict=True):
                sink.moment = before

    def _rotated(self, machine: int, service: WatchedService) -> str:
        plan = RotationPlan(7, holder=f"job {machine}")
        run = RotationRun(plan, service, self.sinks, RecordingProgressLog())
        key = self.held[-1]
        self._folders[machine].mkdir(exist_ok=True)
        place = JournalPlace(self._folders[machine] / "key")
        with place.locked(key, service.address) as journal:
            run.rotate(key, journal)
            journal.clear()
        return "rotated"

    def lose_journal(self, machine: int) -> None:
        """Lose all that a machine remembers."""
        shutil.rmtree(self._folders[machine], ignore_errors=True)

    def survivors(self) -> list[Secret]:
        """Return the keys that nothing will end."""
        return [key for key in self.keys if self.server.knows(key) and self.server.lasts(key)]


class _Moments:
    def __init__(self, at: int, act: Callable[[], None], look: Callable[[], None]) -> None:
        self._left = at
        self._act = act
        self._look = look

    def __call__(self) -> None:
        self._look()
        self._left -= 1
        if self._left == 0:
            self._act()
