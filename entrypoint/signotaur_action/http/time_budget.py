"""How long calls may take: all of a run's until one moment, or only the time spent in them."""

from typing import Protocol

from signotaur_action.ports import Clock


class TimeLimit(Protocol):
    """Time for one call after the other."""

    @property
    def name(self) -> str:
        """What sets it, as messages say."""

    def begin(self) -> float:
        """Begin a call; return the moment by which it must end, in monotonic seconds."""

    def end(self) -> None:
        """End the call that was begun."""


class Deadline:
    """All calls end by one moment, ``seconds`` from now, whatever happens between them."""

    def __init__(self, seconds: float, name: str, clock: Clock) -> None:
        self.name = name
        self._seconds = seconds
        self._clock = clock
        self.renew()

    def renew(self) -> None:
        """Give the next calls the whole time again, for a run whose calls cannot be counted."""
        self._moment = self._clock.monotonic() + self._seconds

    def begin(self) -> float:
        """See ``TimeLimit``."""
        return self._moment

    def end(self) -> None:
        """See ``TimeLimit``."""


class TimeBudget:
    """So many seconds may be spent in calls, waiting for rate limits included."""

    def __init__(self, seconds: float, name: str, clock: Clock) -> None:
        self.name = name
        self._left = seconds
        self._clock = clock
        self._begun = 0.0

    def begin(self) -> float:
        """See ``TimeLimit``."""
        self._begun = self._clock.monotonic()
        return self._begun + self._left

    def end(self) -> None:
        """See ``TimeLimit``."""
        self._left -= self._clock.monotonic() - self._begun


class TimeLeft:
    """The time limit of one call, shared by all its tries, pauses and reads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.until = 0.0
        """In monotonic seconds."""

    def seconds(self) -> float:
        """Return the seconds until the limit; 0 or less after it."""
        return self.until - self._clock.monotonic()
