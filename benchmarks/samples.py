"""Repeated measurements: when to stop repeating, and what to say of the numbers."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Samples:
    """The values that one measurement gave in all its rounds."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> "Samples":
        """Collect the values of all rounds."""
        return cls(tuple(values))

    def over(self, base: "Samples") -> "Samples":
        """Return the ratios round by round: what disturbs one round disturbs both its parts."""
        pairs = zip(self.values, base.values, strict=True)
        return Samples.of(value / other for value, other in pairs)

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The spread: half of all rounds lie between these two."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return low, high


def rounds(count: int, seconds: float) -> Iterator[int]:
    """Count the rounds of a loop, at least one; begin none after its time is over."""
    end = time.monotonic() + seconds
    for number in range(count):
        if number and time.monotonic() > end:
            return
        yield number
