"""Rotate many keys one by one, by one ``rotate-fleet``, and by one that is killed in between.

    python benchmarks/run_fleet.py [KEYS]

It takes about half a second for each key and way. A key that is lost or rotated twice is an error.
"""

import hashlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import key_server
import many_keys
from key_server import KeyServer
from processes import PYTHON, BenchmarkError, environment
from report import busyness, machine, publish, table

_CLIENT = (*PYTHON, "-m", "signotaur_action")
_KEYS, _KILLS = 1000, 4
_LONGEST = 3 * 60 * 60
_PAUSE = 0.1
_KIB_PER_MIB = 1024
_SUCCESSORS = """
SELECT old.public_id, count(new.id), max(new.sha256), count(rotations.confirmed_at_utc)
FROM keys old
LEFT JOIN keys new ON new.rotated_from_key_id = old.id
LEFT JOIN rotations ON rotations.new_key_id = new.id
GROUP BY old.id
"""


@dataclass(frozen=True)
class Cost:
    """What one way of rotating all keys took."""

    seconds: float
    processor: float
    """Seconds of all its processes; not of those that were killed with their parent."""
    peak_mib: float


class _Clock:
    """The times since it was made."""

    def __init__(self) -> None:
        self._seconds, self._processor = time.monotonic(), _processor()

    def cost(self, peak_mib: float) -> Cost:
        seconds, processor = time.monotonic() - self._seconds, _processor() - self._processor
        return Cost(seconds, processor, peak_mib)


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Place:
    """Keys of one server in files, and the fleet file that lists them."""

    def __init__(self, server: KeyServer, folder: Path, count: int) -> None:
        folder.mkdir(mode=0o700)
        self.server, self.folder = server, folder
        self.keys = many_keys.fill(server.folder, count, count, age_days=80)
        self.files = [folder / f"key-{number}.txt" for number in range(count)]
        for file, key in zip(self.files, self.keys, strict=True):
            file.write_text(key)
            file.chmod(0o600)
        self.fleet = folder / "fleet.yml"
        self.fleet.write_text("\n".join(self._lines()))
        self.fleet.chmod(0o600)

    def _lines(self) -> Iterator[str]:
        yield f"defaults: {{sign-server: {self.server.server.url}, if-expiring-within: 30d}}"
        yield "keys:"
        for file in self.files:
            yield f"  {file.stem}: {{api-key-file: {file.name}, write-key-file: {file.name}}}"

    @property
    def rotated(self) -> int:
        """How many files have another key than in the beginning."""
        pairs = zip(self.files, self.keys, strict=True)
        return sum(file.read_text().strip() != key for file, key in pairs)

    def start(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start the client as the first process of a group."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*_CLIENT, *arguments],
                # The same run, as a CI system names it: it need not wait for its own lease.
                env=environment(self.folder) | {"GITHUB_RUN_ID": "1"},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def require_one_successor_each(self) -> None:
        """Count in the server's database. Raises BenchmarkError for a key that is lost."""
        with closing(sqlite3.connect(self.server.folder / "keyserver.db", timeout=30)) as database:
            found = {public_id: rest for public_id, *rest in database.execute(_SUCCESSORS)}
        for file, key in zip(self.files, self.keys, strict=True):
            digest = hashlib.sha256(file.read_text().strip().encode()).hexdigest()
            if found[key[4:19]] != [1, digest, 1]:
                raise BenchmarkError(f"{file.name} is not the one confirmed successor of its key")


def one_by_one(place: Place) -> Cost:
    """Rotate each key by a run of its own."""
    begin, peak = _Clock(), 0.0
    for file in place.files:
        options = ("--api-key-file", file.name, "--write-key-file", file.name)
        process = place.start(("rotate-key", "-s", place.server.server.url, *options))
        peak = max(peak, _until(process))
    return begin.cost(peak)


def as_fleet(place: Place, kills: int = 0) -> Cost:
    """Rotate all keys by one command; kill it and all it started so many times on the way."""
    begin, peak = _Clock(), 0.0
    for number in range(1, kills + 2):
        target = len(place.files) * number // (kills + 1) if number <= kills else None
        process = place.start(_fleet(place))
        peak = max(peak, _until(process, place, target))
    return begin.cost(peak)


def _fleet(place: Place) -> tuple[str, ...]:
    cores = str(os.cpu_count() or 1)
    return ("rotate-fleet", place.fleet.name, "--parallel", cores, "--starts-per-minute", "6000")


def _until(
    process: subprocess.Popen[Any], place: Place | None = None, target: int | None = None
) -> float:
    """Wait for the end, or kill the group at so many keys; return the peak of its memory, MiB."""
    peak = 0.0
    try:
        while process.poll() is None:
            peak = max(peak, _resident_mib(process.pid))
            if place is not None and target is not None and place.rotated >= target:
                return peak
            time.sleep(_PAUSE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        raise BenchmarkError(f"the client ended with {process.returncode}; see its log")
    return peak


def _resident_mib(leader: int) -> float:
    """Return the resident memory of a process and its children."""
    try:
        children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
    except OSError:
        return 0
    return sum(map(_rss_mib, [str(leader), *children]))


def _rss_mib(pid: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    found = [int(line.split()[1]) for line in lines if line.startswith("VmRSS:")]
    return sum(found) / _KIB_PER_MIB


def main() -> None:
    """Measure all ways and publish them."""
    signal.alarm(_LONGEST)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _KEYS
    others = busyness()
    costs: dict[str, Cost] = {}
    ways = {
        "`rotate-key`, one run after the other": one_by_one,
        "one `rotate-fleet`": as_fleet,
        f"`rotate-fleet`, killed {_KILLS} times": lambda place: as_fleet(place, _KILLS),
    }
    with tempfile.TemporaryDirectory(prefix="signotaur-bench-") as folder:
        home = Path(folder)
        with key_server.running(home / "server", tls=False) as server:
            for number, (name, rotate) in enumerate(ways.items()):
                print(f"measuring: {name}", file=sys.stderr)
                place = Place(server, home / f"fleet-{number}", count)
                costs[name] = rotate(place)
                place.require_one_successor_each()
    publish(_shown(count, others, costs), "fleet results")


def _shown(count: int, others: str, costs: dict[str, Cost]) -> str:
    base = next(iter(costs.values()))
    rows = [
        (
            name,
            f"{cost.seconds:.0f} s",
            f"{cost.seconds / base.seconds:.2f}",
            f"{cost.processor:.0f} s",
            f"{cost.processor / base.processor:.2f}",
            f"{cost.peak_mib:.0f} MiB",
            f"{cost.peak_mib / base.peak_mib:.2f}",
        )
        for name, cost in costs.items()
    ]
    head = f"On {machine()}. Runnable processes of others in the minute before: {others}."
    kept = "Every key has exactly one confirmed successor, and its file has it."
    columns = (f"{count:,} keys", "time", "ratio", "processor", "ratio", "memory", "ratio")
    return f"{head}\n\n{table(columns, rows)}\n\n{kept}"


if __name__ == "__main__":
    main()
