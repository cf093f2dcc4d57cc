"""Where the sink of one test writes, and what a case of the contract suite says of its sink."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, Self
from uuid import NAMESPACE_OID, uuid5

from signotaur_action.http import StoreAccess, TimeBudget
from signotaur_action.model import Delivery, Secret
from signotaur_action.ports import Clock, Sink
from signotaur_action.sinks.base import SinkContext
from support.clock import VirtualClock


class Store(Protocol):
    """What stands behind a sink that writes neither a file of its own nor stdout.

    Made with the folder of its place; open while the test runs.
    """

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which the sink finds it, and may use it."""

    def held(self) -> object:
        """Everything that it holds, to be compared."""


class Patience(TimeBudget):
    """Time for one call: no test waits as long as a run may for all of its calls."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(0, "the patience of a test", clock)
        self._now = clock.monotonic
        self.renew()

    def renew(self) -> None:
        """Have time enough again."""
        self.seconds = 10.0

    def begin(self) -> float:
        """See ``TimeLimit``."""
        return self._now() + self.seconds

    def end(self) -> None:
        """See ``TimeLimit``."""


class SinkHarness:
    """Where a sink of one test writes: a folder, a stream that can be closed, perhaps a store."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        self.folder = folder
        self.store = store
        self.clock = VirtualClock()
        self.patience = Patience(self.clock)
        self.printed: list[str] = []
        self.error: OSError | None = None
        self.appends = False
        self.environ: dict[str, str] = {
            "GITHUB_OUTPUT": str(self.file),
            "GITHUB_ENV": str(self.file),
            **(store.environ if store else {}),
        }

    @property
    def file(self) -> Path:
        """The one file that a sink of this place writes, if it writes any."""
        return self.folder / "destination"

    def emit(self, text: str) -> None:
        """Take what a sink prints, or fail as a stream does."""
        if self.error is not None:
            raise self.error
        self.printed.append(text)

    def context(self, *, follow_symlinks: bool = False) -> SinkContext:
        """The world as a sink of this place sees it."""
        token = self.environ.get("GH_TOKEN")
        return SinkContext(
            self.emit,
            self.environ,
            follow_symlinks,
            github_token=Secret(token) if token else None,
            store_access=StoreAccess(self.environ, self.clock, budget=self.patience),
        )

    def held(self) -> tuple[dict[str, bytes], list[str], object]:
        """Everything that is on disk, everything that was printed, all that the store holds."""
        files = {each.name: each.read_bytes() for each in self.folder.iterdir() if each.is_file()}
        return files, list(self.printed), self.store.held() if self.store else None


@dataclass(frozen=True)
class SinkCase:
    """A sink: how it is made, how a stranger reads it, and what can break it."""

    name: str
    make: Callable[[SinkHarness], Sink]
    read: Callable[[SinkHarness], str]
    """Read the key as its consumer does, sharing no code with the sink."""
    durable: bool
    writes_file: bool
    readable: bool
    """Whether the sink itself can tell what it holds."""
    before: bytes | None = None
    """What stands in the file before; None for no file."""
    kinds: tuple[str, ...] = ()
    """The kinds of --emit-secret that this case covers."""
    store: Callable[..., Store] | None = None
    """What stands behind the sink, made with a folder; None for a file or stdout."""

    @property
    def prints(self) -> bool:
        """Whether the key goes to stdout."""
        return not (self.writes_file or self.store)


@dataclass(frozen=True)
class Fault:
    """A way in which a destination fails."""

    name: str
    hits: Callable[[SinkCase], bool]
    commit: Callable[[SinkHarness], AbstractContextManager[None]]


def delivery(key: str, *, name: str = "build key") -> Delivery:
    """A delivery of a key."""
    return Delivery(
        key=Secret(key),
        key_id=17,
        name=name,
        expires_at=datetime(2026, 9, 1, 8, 30, tzinfo=UTC),
        overlap_end=datetime(2026, 6, 8, 8, 30, tzinfo=UTC),
        rotation_id=uuid5(NAMESPACE_OID, key),  # each key is of a rotation of its own
    )
