"""A clock for clients that wait: sleeping takes no time, and moves the clock."""

import time
from types import SimpleNamespace

import pytest

_READERS = (
    "signotaur_action.transport.client",
    "signotaur_action.transport.session",
    "signotaur_action.transport.timing",
    "urllib3.util.retry",
)


class Clock:
    """The time of all HTTP clients of this process. Give ``monotonic`` to the stand-in, too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slept: list[float] = []
        pretended = SimpleNamespace(
            sleep=self.slept.append,
            monotonic=self.monotonic,
            time=lambda: time.time() + sum(self.slept),
        )
        for reader in _READERS:
            monkeypatch.setattr(f"{reader}.time", pretended)

    def monotonic(self) -> float:
        """Return the pretended time."""
        return time.monotonic() + sum(self.slept)
