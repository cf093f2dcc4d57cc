"""Runs the rotations of a fleet: a process for each, a few at a time, one result for each.

A process of its own gives each rotation what ``rotate-key`` relies on: a watchdog that ends
before its lease, its own signals, and memory that no other rotation can read.
"""

import json
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from signotaur_action.errors import ExitCode, StopSignal
from signotaur_action.fleet.outcomes import Entry, EntryResult, FleetOutcome
from signotaur_action.ports import Clock
from signotaur_action.process import signals_deferred
from signotaur_action.program import Tail

# As this process was started: apart from the folder and the variables of the job, or, if its
# modules come from PYTHONPATH, at least apart from the folder.
_PROGRAM = (sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "signotaur_action")
_PAUSE_SECONDS = 0.05
_GRACE_SECONDS = 20.0
"""For rotations that were told to stop: they end their current step and say where they are."""

Event = tuple[str, str] | EntryResult
"""A line that a rotation printed, with its name; or its end."""


class FleetLog(Protocol):
    """What hears of the rotations while they run."""

    def printed(self, name: str, line: str) -> None:
        """Hand on a line that a rotation printed for the CI system, such as a mask."""

    def ended(self, result: EntryResult) -> None:
        """Say how a rotation ended."""


@dataclass(frozen=True)
class Pace:
    """How many rotations run at a time, and how soon after each other they start."""

    parallel: int
    seconds_between_starts: float


class FleetRun:
    """The rotations of one run."""

    def __init__(self, pace: Pace, log: FleetLog, clock: Clock) -> None:
        self._pace = pace
        self._log = log
        self._clock = clock
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._running: dict[str, _Child] = {}
        self._results: dict[str, EntryResult] = {}
        self._next_start = clock.monotonic()

    def run(self, entries: Sequence[Entry]) -> FleetOutcome:
        """Run all rotations. Never raises for one of them; a signal ends them all in good order.

        For the main thread only. Raises OSError when the log cannot be written or no process can
        be started; then every rotation that runs is stopped, too.
        """
        stopped: ExitCode | None = None
        waiting = deque(entries)
        try:
            while waiting or self._running:
                with signals_deferred():
                    self._take_events()
                    self._start_next(waiting)
                self._clock.sleep(_PAUSE_SECONDS)
        except StopSignal as stop:
            stopped = stop.code
        finally:
            self._end_all()
        untried = (EntryResult(entry.name, None, {}) for entry in waiting)
        found = self._results | {result.name: result for result in untried}
        return FleetOutcome(tuple(found[entry.name] for entry in entries), stopped)

    def _start_next(self, waiting: deque[Entry]) -> None:
        now = self._clock.monotonic()
        if waiting and len(self._running) < self._pace.parallel and now >= self._next_start:
            self._running[waiting[0].name] = _Child(waiting[0], self._events)
            waiting.popleft()
            self._next_start = now + self._pace.seconds_between_starts

    def _take_events(self) -> None:
        for event in self._waiting_events():
            if isinstance(event, EntryResult):
                del self._running[event.name]
                self._results[event.name] = event
                self._log.ended(event)
            else:
                self._log.printed(*event)

    def _waiting_events(self) -> Iterable[Event]:
        while True:
            try:
                yield self._events.get_nowait()
            except Empty:
                return

    def _end_all(self) -> None:
        """End the rotations that still run: with a signal that they report, later without one."""
        for child in self._running.values():
            child.program.terminate()
        end = self._clock.monotonic() + _GRACE_SECONDS
        while self._running:
            self._take_events()
            if self._clock.monotonic() > end:
                for child in self._running.values():
                    child.program.kill()
            self._clock.sleep(_PAUSE_SECONDS)


class _Child(Thread):
    """One ``rotate-key``, and the thread that reads what it prints. Started when it is made."""

    def __init__(self, entry: Entry, events: SimpleQueue[Event]) -> None:
        super().__init__(daemon=True)
        self._entry = entry
        self._events = events
        self.program = subprocess.Popen(  # noqa: S603 - this very program, with checked options
            [*_PROGRAM, *entry.arguments],
            env=entry.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._stderr = Tail(self.program.stderr)
        self._stderr.start()
        self.start()

    def run(self) -> None:
        """Hand on each line that it prints, then how it ended."""
        document: dict[str, object] = {}
        for line in self.program.stdout or ():
            if line.startswith(b"{"):
                document = _object(line)
            else:
                self._events.put((self._entry.name, line.decode(errors="replace")))
        code = self.program.wait()
        self._stderr.join()
        prose = tuple(self._stderr.kept.decode(errors="replace").splitlines())
        self._events.put(EntryResult(self._entry.name, code, document, prose))


def _object(line: bytes) -> dict[str, object]:
    try:
        document: dict[str, object] = json.loads(line)
    except ValueError:  # the process was killed while it wrote
        return {}
    return document
