"""Rotations of fresh keys in this process, of which each meets one fault of the network."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Self, TypeVar

from proof.matrix import SEED, Record, amount, batches
from rotation.locations import Oracle
from signotaur_action.errors import SignotaurError
from signotaur_action.files.journal import JournalPlace
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.model import Secret
from signotaur_action.ports import Sink
from signotaur_action.rotation import Rotated, RotationPlan, RotationRun
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkContext
from support.call_faults import CALLS, at, chaos, dripping, twice
from support.clock import VirtualClock
from support.fakes import RecordingProgressLog
from support.front import Exchange, Fault, Front, answering, lost_answer
from support.keys import add_keys, lineages
from support.keyserver import KeyServer
from support.wire import Cut, Damage, Relay

MATRIX = "network"
MAX_TRIES = 20
PARALLEL = amount(8, 16)
T = TypeVar("T")
_NUMBERS = count()


@dataclass
class Rotation:
    """The rotation of one key into a file, which may be tried again with the same journal."""

    server: KeyServer
    folder: Path
    name: str
    key: str

    def __post_init__(self) -> None:
        self.file = self.folder / f"{self.name}.txt"
        self.file.write_text(f"{self.key}\n")
        self.file.chmod(0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        pass

    def held(self) -> str:
        """Return the key at the destination."""
        return self.file.read_text().strip()

    def run(self, url: str, patience: int = 60) -> None:
        """Rotate through a URL, with so many seconds for an answer. Raises SignotaurError."""
        self.rotate(emitter(f"key-file:{self.file}", silent_context()), url, patience)

    def rotate(self, sink: Sink, url: str, patience: int = 60) -> None:
        """Rotate for a destination, at a key server. Raises SignotaurError."""
        address = ServerAddress(
            url,
            ca_file=self.server.ca_file if self.server.tls else None,
            read_timeout=timedelta(seconds=patience),
        )
        service = HttpKeyService(address, VirtualClock())
        run = RotationRun(RotationPlan(7), service, [sink], RecordingProgressLog())
        held = Secret(self.held())
        with JournalPlace(self.file).locked(held, url) as journal:
            outcome = run.rotate(held, journal)
            journal.clear()
        assert isinstance(outcome, Rotated)
        assert self.held() != self.key

    def is_done(self, url: str) -> bool:
        """Run, and return whether that was the end of it; whatever comes, the file's key works."""
        try:
            self.run(url)
        except SignotaurError:
            assert Oracle(self.server).accepts(self.held()), "locked out"
            return False
        return True

    def journals(self) -> list[Path]:
        """Return what is left of its journal."""
        return list(self.folder.glob(f".{self.file.name}*.rotation"))

    def try_under(self, record: Record, url: str, patience: int = 60) -> None:
        """Rotate under a fault; if that did not finish, once more, when the fault is over."""
        oracle = Oracle(self.server)
        try:
            self.run(url, patience)
            record.count("finished at once")
        except SignotaurError:
            record.count("finished by the next run")
            assert oracle.accepts(self.held()), "locked out"
            self.run(url)
        assert oracle.is_confirmed_successor(self.held())


def silent_context() -> SinkContext:
    """Return the world of a destination that prints nothing."""
    return SinkContext(lambda _text: None, {})


Point = tuple[int, Cut | Damage]


@dataclass
class Rotations:
    """Rotations of fresh keys, of which each meets one fault."""

    server: KeyServer
    folder: Path
    make: Callable[[KeyServer, Path, str, str], Rotation] = Rotation
    behind: str = ""
    """The server whose answers are hit, if it is not the key server."""

    def answers(self) -> list[range]:
        """Return where the answers to the calls are among the bytes of one connection."""
        (rotation,) = self._fresh(1)
        with Relay(self.server.url) as relay:
            rotation.run(relay.url)
            assert relay.count == 1
            received = relay.received
        starts = [found.start() for found in re.finditer(rb"HTTP/1\.1 ", received)]
        ranges = [range(*each) for each in pairwise([*starts, len(received)])]
        assert len(ranges) == len(CALLS)
        return ranges

    def length(self) -> int:
        """Return how many bytes an undisturbed rotation receives."""
        (rotation,) = self._fresh(1)
        with rotation, Relay(self.behind or self.server.url) as relay:
            rotation.run(relay.url)
            return len(relay.received)

    def try_bytes(self, record: Record, points: Sequence[Point]) -> None:
        """Damage one byte of each rotation, or cut its connection there."""

        def one(point: Point, rotation: Rotation) -> None:
            relay = Relay(self.behind or self.server.url)
            with relay, record.point(str(point)), rotation:
                relay.cut_next(*point)
                rotation.try_under(record, relay.url, 5 if point[1] is Cut.STALL else 60)
                assert relay.count > 0

        self._try_each(record, points, one)

    def try_calls(self, record: Record, points: Sequence[tuple[str, str]]) -> None:
        """Let each rotation meet the named fault at the named call."""

        def one(point: tuple[str, str], rotation: Rotation) -> None:
            call, fault = point
            with Front(self.server.url).running() as front, record.point(f"{fault} at {call}"):
                front.faults.append(at(call, FAULTS[fault]))
                rotation.try_under(record, front.url)

        self._try_each(record, points, one)

    def try_in_chaos(self, record: Record, seeds: Sequence[int]) -> None:
        """Let each call of each rotation meet a fault now and then, until the rotation is done."""

        def one(seed: int, rotation: Rotation) -> None:
            with Front(self.server.url).running() as front, record.point(str(seed)):
                front.faults.append(chaos(Random(SEED + seed)))  # noqa: S311
                tries = 0
                while not rotation.is_done(front.url):
                    tries += 1
                    assert tries < MAX_TRIES, "not done"
                record.count(f"done by run {tries + 1}")

        self._try_each(record, seeds, one)

    def _try_each(
        self, record: Record, points: Sequence[T], one: Callable[[T, Rotation], None]
    ) -> None:
        tried: list[tuple[T, Rotation]] = []
        with ThreadPoolExecutor(PARALLEL) as pool:
            for batch in batches(record, points, PARALLEL):
                tried += zip(batch, self._fresh(len(batch)), strict=True)
                list(pool.map(one, *zip(*tried[-len(batch) :], strict=True)))
        found = lineages(self.server)
        for point, rotation in tried:
            lineage = found[rotation.name]
            with record.check(str(point)):
                assert (len(lineage.ids), lineage.confirmed) == (2, 1), "not one candidate"
                assert rotation.journals() == [], "a journal is left"

    def _fresh(self, number: int) -> list[Rotation]:
        names = [f"{self.folder.name} {next(_NUMBERS)}" for _ in range(number)]
        keys = add_keys(self.server, names)
        fresh = zip(names, keys, strict=True)
        return [self.make(self.server, self.folder, *each) for each in fresh]


def after(fault: Fault) -> Fault:
    """Let the server do its work before the fault."""

    def done(exchange: Exchange) -> bool:
        exchange.forward()
        return fault(exchange)

    return done


FAULTS: dict[str, Fault] = {
    "502 before": answering(502, b"<html>", Content_Type="text/html"),
    "502 after": after(answering(502, b"<html>", Content_Type="text/html")),
    "503 before": answering(503, Retry_After="1"),
    "504 before": answering(504, b""),
    "504 after": after(answering(504, b"")),
    "429": answering(429, Retry_After="1"),
    "lost": lost_answer("", ""),
    "twice, the first answer": twice(0),
    "twice, the second answer": twice(1),
    "drip": dripping(0.001),
}
BYTES: dict[Cut | Damage, tuple[int, int | None]] = {
    Cut.FIN: (10, None),
    Cut.RESET: (10, 250),
    Cut.STALL: (6, 200),
    Damage.DROPPED: (10, 200),
    Damage.TWICE: (10, 200),
    Damage.FLIPPED: (10, 250),
    Damage.DELAYED: (4, 50),
}
"""How many bytes a fault hits, in the sample and in the full run."""
