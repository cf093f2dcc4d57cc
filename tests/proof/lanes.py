"""Points of a matrix tried side by side, each with a fresh key in a place of its own."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from queue import Queue
from typing import Self, TypeVar

from proof.destinations import EVERY
from proof.matrix import Record, amount, batches
from rotation.fault_harness import DONE, FaultHarness
from rotation.locations import Expected, KeyLocation, Oracle
from support.keys import add_keys, lineages
from support.keyserver import KeyServer
from support.kill import Ended, Nursery

LANES = amount(2, 8)
"""A run mostly waits: for a disk, for the server, for its turn on a busy machine."""
Point = TypeVar("Point")
Attempt = Callable[[FaultHarness, KeyLocation, str, Point], Expected]
"""Cuts a run at a point and finishes it; returns what the server must show of that name then."""


class Lanes:
    """Harnesses, of which each tries one point at a time. Use it as a context manager."""

    def __init__(self, server: KeyServer, folder: Path) -> None:
        self._server = server
        self.folder = folder
        self._free: Queue[FaultHarness] = Queue()
        self._stack = ExitStack()
        self._number = count().__next__

    def __enter__(self) -> Self:
        for number in range(LANES):
            folder = self.folder / f"nursery-{number}"
            folder.mkdir()
            nursery = self._stack.enter_context(Nursery(folder))
            self._free.put(FaultHarness(self._server, Oracle(self._server), nursery))
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    @contextmanager
    def _harness(self) -> Iterator[FaultHarness]:
        """Take a harness that nobody uses, and give it back, also if the test is skipped."""
        harness = self._free.get()
        try:
            yield harness
        finally:
            self._free.put(harness)

    def undisturbed(self, kind: str, run: Callable[[FaultHarness, KeyLocation], Ended]) -> Ended:
        """Let ``run`` run the command of a place that counts for nothing."""
        name = f"undisturbed {self._number()}"
        (key,) = add_keys(self._server, [name])
        with self._harness() as harness, EVERY[kind](self.folder / name, key) as place:
            ended = run(harness, place)
        assert ended.code == DONE, ended.err
        return ended

    def try_each(
        self, record: Record, kind: str, points: Sequence[Point], attempt: Attempt[Point]
    ) -> None:
        """Try points in a place of this kind each, then compare what the server shows."""
        expectations: list[Expected] = []

        def one(point: Point, name: str, key: str) -> None:
            folder = self.folder / name
            with (
                self._harness() as harness,
                record.point(f"{kind}, {point}"),
                EVERY[kind](folder, key) as place,
            ):
                expectations.append(attempt(harness, place, name, point))
                shutil.rmtree(folder)

        with ThreadPoolExecutor(LANES) as pool:
            for batch in batches(record, points, 2 * LANES):
                names = [f"{kind} {self._number()}" for _ in batch]
                list(pool.map(one, batch, names, add_keys(self._server, names)))
        found = lineages(self._server)
        for expected in expectations:
            with record.check(expected.name):
                expected.check(found[expected.name])
