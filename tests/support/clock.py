"""A clock for tests: sleeping takes no time and moves the clock."""

import time
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """See ``ports.Clock``. A stand-in that checks pauses needs the same clock.

    Real time passes as well, unless the clock is ``frozen``.
    """

    def __init__(self, *, frozen: bool = False) -> None:
        self.slept: list[float] = []
        self._frozen_at = (datetime.now(UTC), time.monotonic()) if frozen else None

    def now(self) -> datetime:
        """Return this machine's time, and what was slept."""
        now = self._frozen_at[0] if self._frozen_at else datetime.now(UTC)
        return now + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        """Return this machine's time, and what was slept."""
        now = self._frozen_at[1] if self._frozen_at else time.monotonic()
        return now + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        """Record the pause and return at once."""
        self.slept.append(seconds)
