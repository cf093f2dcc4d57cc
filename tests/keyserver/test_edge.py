"""Raw bytes: requests that are malformed, too large or too slow never reach the application."""

import json
import logging
import re
import socket
from contextlib import closing, suppress
from uuid import uuid4

import pytest

from keyserver import attacks
from keyserver.harness import NewKey, Running, ServerHarness, problem, wait_until
from signotaur_keyserver.database.database import Database
from signotaur_keyserver.runtime.bounded_http import HEAD_LIMIT
from signotaur_keyserver.runtime.connections import Limits
from signotaur_wire import paths

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
LAST = b"Connection: close\r\n"
CHUNKED = b"POST /api/v1/sign HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
FAR_ABOVE = 64 * 2**20
"""Bytes; above all that the buffers of two sockets hold."""


def _port(world: ServerHarness) -> int:
    return int(world.now.url.rpartition(":")[2])


def _ask(world: ServerHarness, *parts: bytes) -> bytes:
    """Send parts; return all that comes until the server closes the connection."""
    with closing(attacks.connect(_port(world))) as plain:
        for part in parts:
            plain.sendall(part)
        return _until(plain, b"")


def _until(plain: socket.socket, end: bytes) -> bytes:
    """Return what comes until an ending; without one, until the server closes."""
    answer = b""
    while not (end and answer.endswith(end)) and (received := plain.recv(65536)):
        answer += received
    return answer


def _statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (GET, b"a: b\r\n" * 5000),
        (GET + b"X: ", b"x" * 65536),
        (b"GET /healthz?", b"x" * 65536),
        (b"G", b"E" * 65536),
        (b"", b"\r\n" * 32768),
    ],
    ids=["many headers", "one header", "query", "method", "empty lines"],
)
def test_a_head_is_refused_before_it_is_complete(
    world: ServerHarness, start: bytes, more: bytes
) -> None:
    """An unauthenticated client cannot fill the memory with a request that never ends.

    Before: 100 MB of headers were all read, and the process grew from 86 to 1,366 MB; another
    client's /healthz took up to 19.8 s. After: refused within the socket's buffers (3.2 MB left
    the sender), 87 MB, 76 ms.
    """
    sent, answer = attacks.stream(_port(world), start, more, FAR_ABOVE)
    assert sent < FAR_ABOVE
    # The refusal may be lost where the sender is still sending.
    assert _statuses(answer) in ([], [400], [431])
    assert world.now.call("GET", "/healthz").status_code == 200


def test_a_complete_head_above_the_limit_is_refused(world: ServerHarness) -> None:
    answer = _ask(world, GET + LAST + b"X: " + b"x" * HEAD_LIMIT + b"\r\n\r\n")
    assert _statuses(answer) == [431]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"cache-control: no-store" in head
    assert json.loads(body)["type"] == "malformed-request"


def test_a_large_head_below_the_limit_is_read(world: ServerHarness) -> None:
    assert _statuses(_ask(world, GET + LAST + b"X: " + b"x" * 16_000 + b"\r\n\r\n")) == [200]


def test_a_second_request_has_the_same_limit(world: ServerHarness) -> None:
    """A limit on the first head alone would leave the same attack to a kept connection."""
    first = GET + b"\r\n"
    with closing(attacks.connect(_port(world))) as plain:
        for _ in range(2):
            plain.sendall(first)
            assert _statuses(_until(plain, b'"up"}')) == [200]
        plain.sendall(GET + b"X: " + b"x" * HEAD_LIMIT)
        assert _statuses(_until(plain, b"")) == [431]


def test_many_requests_at_once_are_not_one_large_head(world: ServerHarness) -> None:
    amount = 2 * HEAD_LIMIT // len(GET)
    assert _statuses(_ask(world, (GET + b"\r\n") * amount, GET + LAST + b"\r\n")) == [200] * (
        amount + 1
    )


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (CHUNKED + b"1;", b"x" * 65536),
        (CHUNKED, b"1;x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\nz\r\n" * 1000),
        (CHUNKED + b"0\r\n", b"a: b\r\n" * 5000),
        (CHUNKED + b"0\r\nX: ", b"x" * 65536),
        (CHUNKED + b"0" * 100, b"0" * 65536),
    ],
    ids=["extension", "extensions", "trailers", "one trailer", "size"],
)
@pytest.mark.parametrize("stranger", [True, False])
def test_what_frames_chunks_is_limited(
    world: ServerHarness, start: bytes, more: bytes, *, stranger: bool
) -> None:
    """Trailers and chunk extensions are headers that come late; they were unlimited too."""
    if not stranger:
        start = start.replace(HOST, HOST + f"Authorization: Bearer {world.key()}\r\n".encode())
    sent, _answer = attacks.stream(_port(world), start, more, FAR_ABOVE)
    assert sent < FAR_ABOVE
    assert world.now.call("GET", "/healthz").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n",
        b"NONSENSE\r\n\r\n",
    ],
)
def test_a_request_that_http_forbids_is_refused(world: ServerHarness, head: bytes) -> None:
    """Before: 200 without Host, with two of them, and without a version."""
    answer = _ask(world, head.replace(b"\r\n\r\n", b"\r\n" + LAST + b"\r\n"))
    assert _statuses(answer) == [400]
    assert b"application/problem+json" in answer


def test_http_1_0_needs_no_host(world: ServerHarness) -> None:
    assert _statuses(_ask(world, b"GET /healthz HTTP/1.0\r\n\r\n")) == [200]


@pytest.mark.parametrize(
    "path",
    [
        "/api%2fv1%2fkeys%2fself",
        "/api%2Fv1/keys/self",
        "/api%5cv1/keys/self",
        "/x/%2e%2e/api/v1/keys/self",
        "/x/../api/v1/keys/self",
        "/./api/v1/keys/self",
        "/api/v1/keys/self%00",
        "/api/v1/keys/self%00.png",
        "/%61pi/v1/keys/self",
        "//api/v1/keys/self",
    ],
)
def test_a_path_has_one_spelling(world: ServerHarness, path: str) -> None:
    """Before: ``/api%2fv1%2fkeys%2fself`` was 200, past any rule of a proxy for ``/api/``."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {world.key()}\r\n"
    answer = _ask(world, request.encode() + LAST + b"\r\n")
    assert _statuses(answer) == [404]
    assert b'"type":"not-found"' in answer


@pytest.mark.parametrize("form", ["urn:uuid:{}", "{}-", "{}0"])
def test_an_id_in_a_path_has_one_form(world: ServerHarness, form: str) -> None:
    key = world.key()
    opened = world.now.open(key)
    answer = world.now.call("GET", f"/api/v1/rotations/{form.format(opened.id)}", key)
    assert problem(answer) == (422, "malformed-request")
    assert answer.json()["fields"] == ["rotation_id"]
    assert world.now.call("GET", f"/api/v1/rotations/{str(opened.id).upper()}", key).ok
    answer = world.now.call("GET", f"/api/v1/rotations/{opened.id.hex}")
    assert problem(answer) == (401, "unknown-key")


def test_a_client_that_leaves_in_its_body_is_no_fault(
    world: ServerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """Before: each was a 500 in the metrics, with a traceback of 40 lines in the log."""
    key = world.key()
    world.now.self(key)
    with caplog.at_level(logging.DEBUG):
        with closing(attacks.connect(_port(world))) as plain:
            request = (
                f"PUT /api/v1/rotations/11111111-1111-1111-1111-111111111111 HTTP/1.1\r\n"
                f"Host: x\r\nAuthorization: Bearer {key}\r\n"
                "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
            )
            plain.sendall(request.encode())
        wait_until(lambda: "a client disconnected" in caplog.text)
        wait_until(lambda: 499 in [status for _, _, status, _ in world.accessed])
    assert "Traceback" not in caplog.text
    assert [r for r in caplog.records if r.levelno > logging.INFO] == []
    assert 'status="500"' not in world.now.call("GET", "/metrics").text


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"GET /healthz HT"],
        [GET + b"\r\n", b"GET /hea"],
        [CHUNKED, b"5\r\nab"],
        [b"POST /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n", b"x"],
    ],
    ids=["silent", "half a head", "half a second head", "half a chunk", "half a body"],
)
def test_whoever_stops_in_the_middle_is_closed(world: ServerHarness, parts: list[bytes]) -> None:
    """Before: all of these were still open after 280 s."""
    database = Database(world.url)
    limits = Limits(head=0.1, body=0.1, idle=3600)
    server = Running(database, limits=limits)
    with server as url, closing(attacks.connect(int(url.rpartition(":")[2]))) as plain:
        for part in parts:
            plain.sendall(part)
        with suppress(ConnectionResetError):
            while plain.recv(65536):
                pass
    database.close()


def test_a_kept_connection_that_is_not_used_is_closed(world: ServerHarness) -> None:
    database = Database(world.url)
    server = Running(database, limits=Limits(head=3600, body=3600, answer=3600, idle=1))
    with server as url, closing(attacks.connect(int(url.rpartition(":")[2]))) as plain:
        plain.sendall(GET + b"\r\n")
        assert _statuses(_until(plain, b"")) == [200]
    database.close()


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_client_that_ends_its_side_after_the_request_gets_the_answer(
    world: ServerHarness, method: str
) -> None:
    """Before, an answer that took more than one turn of the loop came after the end."""
    key = world.key()
    path, body = paths.KEYS_SELF, ""
    if method == "PUT":
        path, body = paths.rotation(uuid4()), json.dumps(NewKey().body())
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", _port(world)), timeout=60) as plain:
        plain.sendall((head + body).encode())
        plain.shutdown(socket.SHUT_WR)
        assert _statuses(_until(plain, b"")) == [201 if method == "PUT" else 200]
