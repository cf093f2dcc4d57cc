"""The use case on a harness: fake parts, a real journal, one log of all that happens, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from signotaur_action.errors import ExitCode, StopSignal
from signotaur_action.files.journal import JournalPlace
from signotaur_action.model import Delivery, JournalEntry, Secret
from signotaur_action.ports import Sink
from signotaur_action.rotation import NotDue, Outcome, Rotated, RotationPlan, RotationRun
from support.fakes import FakeKeyService, MemorySink, RecordingProgressLog

WEEK = 7


class CutError(BaseException):
    """The process dies here. No Exception, so nothing tidies up after it."""


class Log(list[str]):
    """Every event in order; the event number ``cut_at`` never happens."""

    def __init__(self) -> None:
        super().__init__()
        self.cut_at: int | None = None
        self.cut: BaseException = CutError()

    def append(self, event: str) -> None:
        if self.cut_at is not None and len(self) == self.cut_at:
            self.cut_at = None
            raise self.cut
        super().append(event)


@dataclass
class LoggedSink(MemorySink):
    """A destination that tells the log."""

    log: list[str] = field(default_factory=list)

    def check(self) -> list[str]:
        self.log.append(f"check {self.name}")
        return list(super().check())

    def deliver(self, delivery: Delivery) -> None:
        self.log.append(f"deliver {self.name}")
        super().deliver(delivery)


@dataclass
class LoggedProgressLog(RecordingProgressLog):
    """A progress log that records when a key is masked."""

    log: list[str] = field(default_factory=list)

    def mask(self, key: Secret) -> None:
        self.log.append("mask")
        super().mask(key)


class RotationHarness:
    """One command that can be run again and again: its service, its sinks, its journal."""

    def __init__(self, folder: Path, *, mints: bool = False) -> None:
        self.log = Log()
        self.service = FakeKeyService(mints=mints, calls=self.log)
        self.progress = LoggedProgressLog(log=self.log)
        self.folder = folder
        self.place = JournalPlace(folder / "key")
        self.old = self.service.add_key()
        self.sinks: list[MemorySink] = [self.sink("first"), self.sink("last")]

    def sink(
        self, name: str, *, durable: bool = True, readable: bool = True, fail: int = 0
    ) -> LoggedSink:
        """Make a destination that writes to this harness's log."""
        return LoggedSink(name, durable, readable, fail=fail, log=self.log)

    def run(
        self,
        key: Secret | None = None,
        plan: RotationPlan | None = None,
        *,
        run_with_report: bool = True,
        kinds: Sequence[str] = (),
    ) -> NotDue | Rotated:
        """Run the command; not ``run_with_report`` means that it dies just before its report."""
        sinks: list[Sink] = [*self.sinks]
        run = RotationRun(plan or RotationPlan(WEEK), self.service, sinks, self.progress, kinds)
        with self.place.locked(key or self.old, self.service.address) as journal:
            outcome = run.rotate(key or self.old, journal)
            if run_with_report:
                journal.clear()
            return outcome

    def rotated(
        self,
        key: Secret | None = None,
        plan: RotationPlan | None = None,
        *,
        run_with_report: bool = True,
        kinds: Sequence[str] = (),
    ) -> Rotated:
        """Run the command, which must rotate."""
        outcome = self.run(key, plan, run_with_report=run_with_report, kinds=kinds)
        assert isinstance(outcome, Rotated)
        return outcome

    def preview(self, plan: RotationPlan | None = None) -> Outcome:
        """Run the command with --dry-run."""
        run = RotationRun(plan or RotationPlan(WEEK), self.service, [*self.sinks], self.progress)
        return run.preview(self.old, unfinished=self.is_unfinished)

    def cut_before(self, event: str, *, count: int = 1, plan: RotationPlan | None = None) -> None:
        """Run the command and let it die before the ``count``-th time something happens."""
        ahead = RotationHarness._foresee(self, event, count)
        self.log.cut_at = ahead
        try:
            self.run(plan=plan)
        except CutError:
            return
        raise AssertionError(f"the run was over before {event}: {self.log}")

    def _foresee(self, event: str, count: int) -> int:
        steps = FRESH_RUN.copy()
        positions = [number for number, step in enumerate(steps) if step == event]
        return len(self.log) + positions[count - 1]

    @property
    def journals(self) -> list[Path]:
        """Every journal that runs left."""
        return list(self.folder.glob(".*.rotation"))

    @property
    def is_unfinished(self) -> bool:
        """Whether a run of the old key left a journal with a rotation in it."""
        return self.place.exists(self.old, self.service.address)

    @property
    def entry(self) -> JournalEntry | None:
        """What the journal holds now."""
        if not self.is_unfinished:
            return None
        with self.place.locked(self.old, self.service.address) as journal:
            return journal.entry

    def lose_journal(self) -> None:
        """Delete the journal, as an ephemeral runner does."""
        for path in self.journals:
            path.unlink()

    @property
    def new_keys(self) -> list[Secret]:
        """Every key that rotations made."""
        return [each.secret for each in self.service.keys[1:]]

    def held(self) -> set[Secret | None]:
        """What the destinations hold."""
        return {sink.held for sink in self.sinks}


FRESH_RUN = [
    "check first",
    "check last",
    "describe",
    "open",
    "mask",
    "describe",
    "deliver first",
    "deliver last",
    "confirm",
]
"""What a run does that nothing disturbs, on a harness with two sinks."""


def stop() -> StopSignal:
    """Return what the signal handler raises."""
    return StopSignal(ExitCode.TERMINATED)
