"""What all proofs share: how much they try, what they count, and where they report it.

``SIGNOTAUR_PROOF=full`` tries every point; without it a seeded sample is tried. Each part of a
matrix appends one JSON line to ``.cache/proof``, from which ``report`` makes the table of
``docs/proof.md``.
"""

import json
import os
import random
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TypeVar

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "proof"
FULL = os.environ.get("SIGNOTAUR_PROOF") == "full"
SEED = int(os.environ.get("SIGNOTAUR_FAULT_SEED", "20260301"))

MINUTES = float(os.environ.get("SIGNOTAUR_PROOF_MINUTES", "inf"))
"""How long a part may try points; the report counts those that were tried."""
_LOCK = Lock()
"""Points are tried side by side."""

Point = TypeVar("Point")


@dataclass(frozen=True)
class Goal:
    """What the full run of a matrix has to reach."""

    points: int
    unit: str


GOALS = {
    "model": Goal(100_000, "states"),
    "kill at a line": Goal(5000, "kills"),
    "kill at a system call": Goal(1000, "kills"),
    "error of a system call": Goal(1500, "errors"),
    "network": Goal(2000, "faults"),
    "server chaos": Goal(1000, "rotations"),
    "concurrent runs": Goal(4000, "runs"),
    "runs paused past their lease": Goal(300, "pauses"),
    "state machine, SQLite": Goal(200_000, "steps"),
    "state machine, PostgreSQL": Goal(50_000, "steps"),
    "leak scan": Goal(500, "runs"),
    "planted leaks": Goal(30, "leaks"),
    "destination files": Goal(60, "cells"),
    "TLS and proxies": Goal(50, "cells"),
    "parsers": Goal(200_000, "inputs"),
    "requests to the server": Goal(20_000, "requests"),
    "rules removed": Goal(13, "rules"),
    "naive rotators": Goal(120, "faults"),
}
"""Every matrix, in the order of the table."""


def amount(sample: int, full: int) -> int:
    """Return how many to try: of a sample, or of the full run."""
    return full if FULL else sample


def chosen(points: Sequence[Point], sample: int, salt: str, full: int | None = None) -> list[Point]:
    """Return the points to try, in their order: half of a sample is spread evenly, half is drawn.

    A full run tries ``full`` of them, all if it is None.
    """
    count = min(len(points), sample if not FULL else len(points) if full is None else full)
    last = len(points) - 1
    even = {round(step * last / max(1, count // 2 - 1)) for step in range(count // 2)}
    others = [number for number in range(len(points)) if number not in even]
    drawn = random.Random(f"{SEED} {salt}").sample(others, count - len(even))  # noqa: S311
    return [points[number] for number in sorted(even.union(drawn))]


@dataclass
class Record:
    """What one part of a matrix has tried, and what came of it."""

    matrix: str
    part: str
    points: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """How often each thing happened that is no violation."""
    violations: list[str] = field(default_factory=list)
    seconds: float = 0
    began: float = field(default_factory=monotonic)
    full: bool = FULL
    seed: int = SEED
    commit: str = ""

    @contextmanager
    def point(self, label: str) -> Iterator[None]:
        """Try one point: what fails is a violation, and the next point is tried."""
        with _LOCK:
            self.points += 1
        with self.check(label):
            yield

    @contextmanager
    def check(self, label: str) -> Iterator[None]:
        """Let a failed assertion, or any failure of the harness, be a violation, and go on."""
        try:
            yield
        except Exception as violation:  # noqa: BLE001
            kind = type(violation).__name__
            self.violations.append(f"{label}: {kind}: {violation}"[:2000])

    @property
    def is_late(self) -> bool:
        """Whether the time for this part is over."""
        return monotonic() - self.began > MINUTES * 60

    def count(self, outcome: str) -> None:
        """Count something that happened."""
        with _LOCK:
            self.outcomes[outcome] += 1

    def __str__(self) -> str:
        told = "".join(f", {count} {what}" for what, count in sorted(self.outcomes.items()))
        unit = GOALS[self.matrix].unit
        return f"{self.matrix}: {self.points} {unit}{told} (seed {self.seed})"


def batches(record: Record, points: Sequence[Point], size: int) -> Iterator[list[Point]]:
    """Yield points in a random order until the time for the part is over.

    Random, so that those before the time is over are a fair sample.
    """
    left = random.Random(SEED).sample(points, len(points))  # noqa: S311
    while left and not record.is_late:
        yield left[:size]
        left = left[size:]


@contextmanager
def recorded(matrix: str, part: str, folder: Path = FOLDER) -> Iterator[Record]:
    """Record a part of a matrix in a folder, and fail at the end if there were violations."""
    assert matrix in GOALS
    record = Record(matrix, part, commit=_commit())
    try:
        yield record
    except BaseException as failure:
        record.violations.append(f"ended by {type(failure).__name__}: {failure}"[:2000])
        raise
    finally:
        record.seconds = round(monotonic() - record.began, 1)
        _append(record, folder)
    assert record.violations == [], "\n".join(record.violations)


def _append(record: Record, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(vars(record)) + "\n"
    file = os.open(folder / "records.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(file, line.encode())
    os.close(file)


def _commit() -> str:
    asked = ("git", "describe", "--always", "--exclude=*", "--dirty")
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
