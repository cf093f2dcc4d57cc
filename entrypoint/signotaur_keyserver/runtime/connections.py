"""How many connections are open, whose they are, and how long each may take.

Pure but for the clock it is given; used by the event loop alone. A connection is
unauthenticated until a request over it has proven a key. Unauthenticated ones may have half of
the places, of one address and in all, so that they cannot shut out clients that have a key. If
there is no place left, the one that has waited longest is closed for a new one.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum, auto
from time import monotonic

from signotaur_keyserver.api.context import network_of


class Phase(Enum):
    """What the server waits for."""

    HEAD = auto()
    """TLS handshake, request line and headers."""
    BODY = auto()
    ANSWER = auto()
    """The application, and a client that reads its answer."""
    IDLE = auto()
    """The next request of a connection that is kept."""


@dataclass(frozen=True)
class Limits:
    """Numbers of connections, and seconds for each phase of one."""

    connections: int = 1000
    per_address: int = 250
    """Of one IPv4 address or IPv6 /64."""
    head: float = 15
    body: float = 30
    answer: float = 60
    idle: int = 5

    def seconds(self, phase: Phase) -> float:
        """Return how long a phase may last."""
        return {
            Phase.HEAD: self.head,
            Phase.BODY: self.body,
            Phase.ANSWER: self.answer,
            Phase.IDLE: self.idle,
        }[phase]


DEFAULT = Limits()


class Connection:
    """One connection, from the moment it was accepted."""

    def __init__(self, network: str | None, end: Callable[[], object], now: float) -> None:
        self.network = network
        self.end = end
        """Close it without waiting for the peer."""
        self.known = False
        """Whether a request over it has proven a key."""
        self.busy = False
        """Whether the server works on an answer: only then it is never closed for a new one."""
        self.phase = Phase.HEAD
        self.since = now


class Connections:
    """The connections of one server."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = monotonic) -> None:
        self.limits = limits
        self.turned_away = 0
        """Connections that were refused, closed for a new one, or closed as too slow."""
        self._clock = clock
        self._all: set[Connection] = set()
        self._of_network: dict[str | None, set[Connection]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, address: str, end: Callable[[], object]) -> Connection | None:
        """Give a new connection a place; None when it has to be closed instead."""
        network = network_of(address)
        own = self._of_network.get(network, set())
        if not (
            self._make_room(own, self.limits.per_address)
            and self._make_room(self._all, self.limits.connections)
        ):
            self.turned_away += 1
            return None
        connection = Connection(network, end, self._clock())
        self._all.add(connection)
        self._of_network.setdefault(network, set()).add(connection)
        return connection

    def enter(self, connection: Connection, phase: Phase) -> None:
        """Begin a phase, whose time counts from now."""
        connection.phase = phase
        connection.since = self._clock()

    def remove(self, connection: Connection) -> None:
        """Give a place back; harmless when it was given back before."""
        self._all.discard(connection)
        own = self._of_network.get(connection.network, set())
        own.discard(connection)
        if not own:
            self._of_network.pop(connection.network, None)

    def end_overdue(self) -> None:
        """Close every connection whose phase has lasted too long."""
        now = self._clock()
        for connection in list(self._all):
            if now - connection.since > self.limits.seconds(connection.phase):
                self._end(connection)

    def end_idle(self, seconds: float) -> None:
        """Close every connection that has waited that long for a request, or for all of one."""
        now = self._clock()
        for connection in list(self._all):
            if connection.phase in {Phase.IDLE, Phase.HEAD} and now - connection.since >= seconds:
                self.remove(connection)
                connection.end()

    def _make_room(self, present: Collection[Connection], limit: int) -> bool:
        if len(present) < limit // 2:
            return True
        crowd = [connection for connection in present if not connection.known]
        if len(crowd) < limit // 2:
            if len(present) < limit:
                return True
            crowd = [connection for connection in present if connection.known]
        waiting = [connection for connection in crowd if not connection.busy]
        if waiting:
            self._end(min(waiting, key=lambda connection: connection.since))
        return bool(waiting)

    def _end(self, connection: Connection) -> None:
        self.turned_away += 1
        self.remove(connection)
        connection.end()
