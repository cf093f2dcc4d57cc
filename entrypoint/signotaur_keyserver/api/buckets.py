"""Token buckets in memory. Pure but for the monotonic clock it is given; one thread only."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic


class TokenBuckets:
    """One bucket per subject: ``burst`` tokens at first, refilled at ``per_second``.

    At most ``capacity`` subjects are remembered; the one that was quiet longest is forgotten, so
    that a flood of addresses costs no memory.
    """

    def __init__(
        self,
        burst: int,
        per_second: float,
        *,
        capacity: int = 10_000,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._capacity = capacity
        self._clock = clock
        self._levels: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def take(self, subject: object, rate: tuple[int, float] | None = None) -> float:
        """Take a token: 0.0 when there was one, else the seconds until there is.

        ``rate`` is a burst and a refill per second of this subject, where it has its own.
        """
        burst, per_second = rate or (self._burst, self._per_second)
        now = self._clock()
        level, since = self._levels.pop(subject, (float(burst), now))
        level = min(burst, level + (now - since) * per_second)
        granted = level >= 1
        self._levels[subject] = (level - 1 if granted else level, now)
        if len(self._levels) > self._capacity:
            self._levels.popitem(last=False)
        return 0.0 if granted else (1 - level) / per_second
