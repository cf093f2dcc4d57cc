"""A name server that does not answer: the look-up ends with the time of the call."""

import socket
from threading import Event
from typing import Any

import pytest

from signotaur_action.http import Deadline, HttpClient, HttpError, ServerAddress
from signotaur_action.http.name_lookup import addresses, is_address
from signotaur_action.machine.clock import SystemClock
from support.clock import VirtualClock
from support.wire import ScriptedServer
from transport.caller import CREDENTIAL, PROFILE


def test_a_look_up_without_an_answer_ends_with_the_time() -> None:
    answered = Event()

    def silent(_host: str) -> list[Any]:
        answered.wait()
        return []

    with pytest.raises(TimeoutError):
        addresses("keys.example", 0.05, silent)
    answered.set()


@pytest.mark.parametrize(
    "fault", [socket.gaierror(socket.EAI_NONAME, "not known"), UnicodeError("label too long")]
)
def test_a_name_that_cannot_be_resolved_is_a_fault(fault: Exception) -> None:
    def refused(_host: str) -> list[Any]:
        raise fault

    with pytest.raises(socket.gaierror):
        addresses("keys.example", 60, refused)


def test_every_address_is_returned_once_and_in_order() -> None:
    found = [(2, 1, 6, "", ("127.0.0.2", 0)), (2, 1, 6, "", ("127.0.0.1", 0))]
    assert addresses("keys.example", 60, lambda _host: found * 2) == ["127.0.0.2", "127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "is_one"),
    [("127.0.0.1", True), ("::1", True), ("localhost", False), ("keys.example", False)],
)
def test_addresses_need_no_look_up(host: str, *, is_one: bool) -> None:
    assert is_address(host) is is_one


def test_a_name_is_looked_up_and_connected_to() -> None:
    def hello(connection: socket.socket) -> bool:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        return False

    with ScriptedServer(hello) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        clock = SystemClock()
        client = HttpClient(ServerAddress(url), PROFILE, Deadline(60, "--timeout", clock), clock)
        # localhost may have an IPv6 address first, where nothing listens.
        assert client.call("GET", "/", CREDENTIAL).status == 200


def test_a_host_name_that_is_not_valid_is_reported() -> None:
    clock = VirtualClock()
    address = ServerAddress(f"http://{'a' * 64}.example")  # a label has at most 63 characters
    client = HttpClient(address, PROFILE, Deadline(60, "--timeout", clock), clock)
    with pytest.raises(HttpError, match=r"cannot be reached: invalid host name\.$"):
        client.call("GET", "/", CREDENTIAL)
