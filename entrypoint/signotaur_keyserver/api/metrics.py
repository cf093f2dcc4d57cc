"""Counts in Prometheus' text format. Labels are states and statuses, never names or addresses."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.concurrency import run_in_threadpool

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.service.counts import StateCounts, count_states
from signotaur_keyserver.service.sweeper import SweepTotals
from signotaur_wire.signing import DONE

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_REQUESTS = "Requests answered, by status."
_SIGNED = "Signatures asked for, by result."
_STALLED = "Rotations that sweeps found stalled."
COUNTS_CACHE_SECONDS = 10.0
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


class CachedStateCounts:
    """Counts of keys and rotations, taken once for all who ask within ten seconds.

    It reads every key: without this, a few who ask again and again make all others wait.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = asyncio.Lock()
        self._taken: tuple[float, StateCounts] | None = None

    async def get(self) -> StateCounts:
        """Return the counts. Raises DatabaseUnavailableError."""
        async with self._lock:
            now = self._clock()
            if self._taken is None or now - self._taken[0] >= COUNTS_CACHE_SECONDS:
                self._taken = (now, await run_in_threadpool(count_states, self._database))
            return self._taken[1]


class _Collector:
    """What a scrape of this moment finds, in the client library's form."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        """Return every metric with its values."""
        return self._families


def exposition(
    counts: StateCounts, requests: RequestCounts, signatures: SignatureCounts, sweeps: SweepTotals
) -> bytes:
    """Return every metric in the text format."""
    by_status = {str(status): count for status, count in sorted(requests.by_status.items())}
    counters = (
        _labelled(CounterMetricFamily, "signotaur_requests", _REQUESTS, "status", by_status),
        _labelled(
            CounterMetricFamily, "signotaur_signatures", _SIGNED, "result", signatures.by_result
        ),
        CounterMetricFamily("signotaur_sweeps", "Sweeps done.", sweeps.sweeps),
        CounterMetricFamily("signotaur_swept_keys", "Keys revoked by sweeps.", sweeps.revoked),
        CounterMetricFamily("signotaur_held_rotations", _STALLED, sweeps.held),
    )
    gauges = (
        _labelled(GaugeMetricFamily, "signotaur_keys", "Keys by state.", "state", counts.keys),
        _labelled(
            GaugeMetricFamily,
            "signotaur_rotations",
            "Rotations by state.",
            "state",
            counts.rotations,
        ),
    )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector((*gauges, *counters)))
    return generate_latest(registry)


def _labelled(
    family: type[CounterMetricFamily | GaugeMetricFamily],
    name: str,
    text: str,
    label: str,
    values: Mapping[str, int],
) -> Metric:
    metric = family(name, text, labels=[label])
    for value, count in values.items():
        metric.add_metric([value], count)
    return metric
