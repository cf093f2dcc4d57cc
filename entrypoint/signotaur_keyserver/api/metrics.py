"""Counts in Prometheus' text format. Labels are states and statuses, never names or addresses."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from time import monotonic

from starlette.concurrency import run_in_threadpool

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.service.counts import Census, take_census
from signotaur_keyserver.service.sweeper import SweepTotals
from signotaur_wire.signing import DONE

MEDIA_TYPE = "text/plain; version=0.0.4"
CENSUS_SECONDS = 10.0
"""How old the counts of keys and rotations may be; Prometheus asks every 15 s or less often."""


class RequestCounts:
    """Answers by status since the process started. Used by the event loop alone."""

    def __init__(self) -> None:
        self.by_status: Counter[int] = Counter()


class SignatureCounts:
    """Answers to requests for a signature, by outcome. Used by the event loop alone."""

    def __init__(self) -> None:
        self.by_result = {"made": 0, "refused": 0}

    def note(self, result: int) -> None:
        """Count an answer."""
        self.by_result["made" if result == DONE else "refused"] += 1


class RecentCensus:
    """A census of the database, taken once for all who ask within ten seconds.

    It reads every key: without this, a few who ask again and again make all others wait.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = asyncio.Lock()
        self._taken: tuple[float, Census] | None = None

    async def get(self) -> Census:
        """Return a census. Raises DatabaseUnavailableError."""
        async with self._lock:
            now = self._clock()
            if self._taken is None or now - self._taken[0] >= CENSUS_SECONDS:
                self._taken = (now, await run_in_threadpool(take_census, self._database))
            return self._taken[1]


def exposition(
    census: Census, requests: RequestCounts, signatures: SignatureCounts, sweeps: SweepTotals
) -> str:
    """Return every metric as text."""
    lines = [
        *_family("signotaur_keys", "gauge", "Keys by state.", "state", census.keys),
        *_family("signotaur_rotations", "gauge", "Rotations by state.", "state", census.rotations),
        *_family(
            "signotaur_requests_total",
            "counter",
            "Requests answered, by status.",
            "status",
            {str(status): count for status, count in sorted(requests.by_status.items())},
        ),
        *_family(
            "signotaur_signatures_total",
            "counter",
            "Signatures asked for, by result.",
            "result",
            signatures.by_result,
        ),
        *_single("signotaur_sweeps_total", "Sweeps done.", sweeps.sweeps),
        *_single("signotaur_swept_keys_total", "Keys revoked by sweeps.", sweeps.revoked),
        *_single("signotaur_held_rotations_total", "Rotations held by sweeps.", sweeps.held),
    ]
    return "\n".join(lines) + "\n"


def _family(
    name: str, kind: str, text: str, label: str, values: Mapping[str, int]
) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for value, count in values.items():
        yield f'{name}{{{label}="{value}"}} {count}'


def _single(name: str, text: str, count: int) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} counter"
    yield f"{name} {count}"
