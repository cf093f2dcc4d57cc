"""Who gets a place, who makes room, and what takes too long: the bookkeeping alone."""

from collections.abc import Callable

import pytest

from signotaur_keyserver.runtime.connections import Connection, Connections, Limits, Phase

LIMITS = Limits(connections=8, per_address=4, head=15, body=30, answer=60, idle=5)


class Hall:
    """Connections with a clock that a test moves, and the names of those that were ended."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.now = 0.0
        self.ended: list[str] = []
        self.connections = Connections(limits, clock=lambda: self.now)

    def admit(self, name: str, address: str = "192.0.2.1") -> Connection | None:
        """Let one in, a second after the one before."""
        self.now += 1
        return self.connections.admit(address, self._end(name))

    def known(self, name: str, address: str = "192.0.2.1") -> Connection:
        """Let one in that has proven a key."""
        connection = self.admit(name, address)
        assert connection is not None
        connection.known = True
        self.connections.enter(connection, Phase.IDLE)
        return connection

    def _end(self, name: str) -> Callable[[], None]:
        return lambda: self.ended.append(name)


def test_strangers_of_one_address_have_half_of_its_places() -> None:
    hall = Hall()
    for name in "abc":
        assert hall.admit(name)
    assert hall.ended == ["a"]
    hall.known("d")
    assert hall.ended == ["a", "b"]
    assert len(hall.connections) == 2


def test_the_stranger_that_waited_longest_makes_room() -> None:
    hall = Hall()
    first, _second = hall.admit("first"), hall.admit("second")
    assert first is not None
    hall.now += 1
    hall.connections.enter(first, Phase.IDLE)
    hall.admit("third")
    assert hall.ended == ["second"]


def test_an_answer_in_the_making_is_not_cut_off() -> None:
    hall = Hall()
    for name in "ab":
        connection = hall.admit(name)
        assert connection is not None
        connection.busy = True
    assert hall.admit("c") is None
    assert hall.ended == []
    assert hall.admit("d", "192.0.2.2") is not None
    assert connection is not None
    connection.busy = False
    assert hall.admit("e") is not None
    assert hall.ended == ["b"]


def test_strangers_leave_half_of_the_places_to_those_who_proved_a_key() -> None:
    hall = Hall()
    for name in "wxyz":
        hall.known(name)
    hall.ended.clear()
    for name in "abcdef":
        hall.admit(name)
    assert hall.ended == ["w", "x", "a", "b", "c", "d"]


def test_strangers_of_all_addresses_have_half_of_all_places() -> None:
    hall = Hall()
    for number in range(40):
        assert hall.admit(str(number), f"192.0.2.{number}")
    assert len(hall.connections) == 4
    assert hall.ended == [str(number) for number in range(36)]
    assert hall.connections.turned_away == 36


def test_a_whole_ipv6_network_is_one_address() -> None:
    hall = Hall()
    for number in range(6):
        hall.admit(str(number), f"2001:db8::{number:x}")
    assert len(hall.connections) == 2
    assert hall.admit("other", "2001:db8:0:1::1")
    assert len(hall.connections) == 3


def test_a_place_is_given_back_once() -> None:
    hall = Hall()
    one, two = hall.admit("one"), hall.admit("two")
    assert one is not None
    assert two is not None
    for _ in range(2):
        hall.connections.remove(one)
    assert len(hall.connections) == 1
    hall.admit("three")
    assert hall.ended == []


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_ends(phase: Phase) -> None:
    hall = Hall()
    connection = hall.admit("a")
    assert connection is not None
    connection.busy = True
    hall.connections.enter(connection, phase)
    hall.now += LIMITS.seconds(phase)
    hall.connections.end_overdue()
    assert hall.ended == []
    hall.now += 1
    hall.connections.end_overdue()
    assert hall.ended == ["a"]
    assert len(hall.connections) == 0


@pytest.mark.parametrize("phase", Phase)
def test_only_connections_without_a_request_end_as_idle(phase: Phase) -> None:
    hall = Hall()
    connection = hall.admit("a")
    assert connection is not None
    hall.connections.enter(connection, phase)
    hall.connections.end_idle(0.5)
    assert hall.ended == []
    hall.now += 0.5
    hall.connections.end_idle(0.5)
    assert hall.ended == (["a"] if phase in {Phase.IDLE, Phase.HEAD} else [])
    assert hall.connections.turned_away == 0
