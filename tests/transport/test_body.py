"""Reading the body of an answer."""

import time
from socket import create_connection, socket
from urllib.parse import urlsplit

from signotaur_action.http import ApiProfile, Credential, Deadline, HttpClient, ServerAddress
from signotaur_action.model import Secret
from support.clock import VirtualClock
from support.wire import ScriptedServer

LONG = 32 * 1024 * 1024


def test_a_long_answer_costs_as_much_as_its_length() -> None:
    """Each part was appended to ``bytes``, which copies everything: quadratic time.

    4 MiB took 1.45 s instead of 9 ms, and these 32 MiB took 83 s instead of 0.5 s. The test
    compares this thread's own CPU time with that of a plain read, so load does not matter.
    """
    body = b'"' + b" " * (LONG - 2) + b'"'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def script(connection: socket) -> bool:
        connection.sendall(answer)
        return False

    clock = VirtualClock()
    profile = ApiProfile("a test", repeatable=(), longest_answer=LONG, verbatim=True)
    with ScriptedServer(script) as server:
        began = time.thread_time()
        plainly_read(server.url)
        plain = time.thread_time() - began
        client = HttpClient(
            ServerAddress(server.url), profile, Deadline(600, "a test", clock), clock
        )
        began = time.thread_time()
        found = client.call("GET", "/", Credential(Secret("s" * 20))).document
        taken = time.thread_time() - began
    assert isinstance(found, str)
    assert len(found) == LONG - 2
    assert taken < 20 * plain + 2


def plainly_read(url: str) -> None:
    with create_connection(("127.0.0.1", urlsplit(url).port or 0)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while connection.recv(8192):
            pass
