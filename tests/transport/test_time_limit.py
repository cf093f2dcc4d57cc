"""The time limit bounds a call even if the server sends its answer byte by byte.

A socket's time-out starts again with every byte. Before the fix a call with ``--timeout 5s`` took
46 s if headers or 1xx answers dripped for 45 s, 45.8 s for chunk sizes, and 20.7 s for trailers
that were sent for 20 s.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import repeat
from pathlib import Path
from socket import socket

import pytest

from signotaur_action.http import (
    Deadline,
    HttpClient,
    HttpError,
    HttpErrorKind,
    ServerAddress,
)
from signotaur_action.machine.clock import SystemClock
from support.tls import Authority
from support.wire import ScriptedServer
from transport.caller import CREDENTIAL, PROFILE

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PACE = 0.02
LONGEST = 60.0
"""Seconds that a server drips if the client stays: far more than any time limit here."""


def one_by_one(content: bytes) -> Iterator[bytes]:
    return (bytes([each]) for each in content)


DRIPS: dict[str, Callable[[], Iterator[bytes]]] = {
    "status line": lambda: one_by_one(b"HTTP/1.1 200 " + b"O" * 9999),
    "header": lambda: one_by_one(HEAD + b"X-Long: " + b"x" * 9999),
    "interim answers": lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk size": lambda: one_by_one(CHUNKED + b"0" * 9999),
    "chunks": lambda: iter([CHUNKED, *[b"1\r\n \r\n"] * 9999]),
    "trailers": lambda: iter([CHUNKED, b"2\r\n{}\r\n0\r\n", *[b"X-More: x\r\n"] * 9999]),
    "body": lambda: iter([HEAD + b"Content-Length: 9999\r\n\r\n", *[b" "] * 9999]),
    "body of no length": lambda: iter([HEAD + b"\r\n", *[b" "] * 9999]),
}


class Dripping:
    """Sends piece after piece, and records whether it came to its end."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], pace: float) -> None:
        self._pieces = pieces
        self._pace = pace
        self.ended_by_itself = False

    def __call__(self, connection: socket) -> bool:
        end = time.monotonic() + LONGEST
        for piece in self._pieces():
            connection.sendall(piece)
            time.sleep(self._pace)
            if time.monotonic() > end:
                break
        self.ended_by_itself = True
        return False


def fault_of(address: ServerAddress, seconds: float = 1) -> HttpError:
    clock = SystemClock()
    client = HttpClient(address, PROFILE, Deadline(seconds, "--timeout", clock), clock)
    with pytest.raises(HttpError) as caught:
        client.call("GET", "/", CREDENTIAL)
    return caught.value


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_drips_ends_with_the_time(
    drip: str, authority: Authority, *, tls: bool
) -> None:
    script = Dripping(DRIPS[drip], PACE)
    with ScriptedServer(script, authority.issue() if tls else None) as server:
        fault = fault_of(ServerAddress(server.url, ca_file=authority.ca_file if tls else None))
        assert not script.ended_by_itself
    assert fault.kind is HttpErrorKind.TIME
    assert str(fault) == f"{server.url} did not complete its answer in time (--timeout)."


def test_a_flood_of_interim_answers_ends_with_the_time() -> None:
    """Before: 26 s with ``--timeout 5s``, against a flood of 25 s."""
    script = Dripping(DRIPS["interim answers"], pace=0)
    with ScriptedServer(script) as server:
        assert fault_of(ServerAddress(server.url)).kind is HttpErrorKind.TIME
        assert not script.ended_by_itself


def test_a_proxy_that_drips_ends_with_the_time() -> None:
    """Its answer to CONNECT is read before TLS starts."""
    script = Dripping(lambda: one_by_one(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 9999), PACE)
    with ScriptedServer(script) as proxy:
        fault = fault_of(ServerAddress("https://signotaur.example.com", proxy=proxy.url))
        assert not script.ended_by_itself
    assert fault.kind is HttpErrorKind.TIME


def test_a_tls_handshake_that_stalls_ends_with_the_time() -> None:
    script = Dripping(lambda: repeat(b""), PACE)
    with ScriptedServer(script) as server:
        fault = fault_of(ServerAddress(server.url.replace("http:", "https:")))
        assert not script.ended_by_itself
    assert "--timeout" in str(fault)


def test_a_server_that_does_not_read_ends_with_the_time() -> None:
    script = Dripping(lambda: repeat(b""), PACE)
    clock = SystemClock()
    with ScriptedServer(script) as server:
        limit = Deadline(1, "--timeout", clock)
        client = HttpClient(ServerAddress(server.url), PROFILE, limit, clock)
        with pytest.raises(HttpError, match="--timeout"):
            client.call("GET", "/", CREDENTIAL, {"long": " " * 64 * 1024 * 1024})
        assert not script.ended_by_itself


def test_silence_within_an_answer_is_a_lost_answer(tmp_path: Path) -> None:
    """One read time-out ended the run although most of the time was left."""
    asked = tmp_path / "asked"

    def silent_once(connection: socket) -> bool:
        if asked.exists():
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
            return True
        asked.touch()
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{")
        connection.recv(1)
        return False

    clock = SystemClock()
    with ScriptedServer(silent_once) as server:
        address = ServerAddress(server.url, read_timeout=timedelta(seconds=0.5))
        client = HttpClient(address, PROFILE, Deadline(60, "--timeout", clock), clock)
        assert client.call("GET", "/", CREDENTIAL).document == {}
    assert server.count == 2
