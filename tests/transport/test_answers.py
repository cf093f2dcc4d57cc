"""Invalid answers, times out of range, and when a request is sent again."""

from socket import socket

import pytest

from signotaur_action.github.rest import github_pause, github_refusal
from signotaur_action.http import (
    Answer,
    ApiProfile,
    Deadline,
    HttpClient,
    HttpError,
    HttpErrorKind,
    ServerAddress,
    limit_pause,
)
from signotaur_action.http.answer import http_date
from signotaur_wire.members import format_time
from support.clock import VirtualClock
from support.wire import ScriptedServer
from transport.caller import CREDENTIAL

KEY_SERVER = ApiProfile("a key server", repeatable=("GET", "POST"))
STORE = ApiProfile("a store", repeatable=("GET",), json_only=False, verbatim=True)


class Says:
    """Sends one text after the other, then always the last one."""

    def __init__(self, *answers: str) -> None:
        self._answers = [answer.encode() for answer in answers]
        self.count = 0

    def __call__(self, connection: socket) -> bool:
        answer = self._answers[min(self.count, len(self._answers) - 1)]
        self.count += 1
        connection.sendall(answer)
        return b"close" not in answer


def answer(status: int, body: str = "{}", **headers: str) -> str:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    named = {"Content-Length": str(len(body)), "Content-Type": "application/json"} | named
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {text}" for name, text in named.items())]
    return "\r\n".join([*lines, "", body])


def ask(
    profile: ApiProfile, says: Says, *, method: str = "GET", seconds: float = 600
) -> tuple[Answer, list[float]]:
    """Return the answer and the pauses of the client."""
    clock = VirtualClock()
    with ScriptedServer(says) as server:
        limit = Deadline(seconds, "--timeout", clock)
        client = HttpClient(ServerAddress(server.url), profile, limit, clock)
        return client.call(method, "/", CREDENTIAL), clock.slept


def fault_of(profile: ApiProfile, says: Says, **how: object) -> HttpError:
    with pytest.raises(HttpError) as caught:
        ask(profile, says, **how)  # type: ignore[arg-type]
    return caught.value


# Invalid answers

BOTH = pytest.mark.parametrize("profile", [KEY_SERVER, STORE], ids=["key server", "store"])


@BOTH
@pytest.mark.parametrize("status", [300, 301, 304, 305, 307, 399])
def test_every_3xx_is_a_redirect_with_or_without_a_place(profile: ApiProfile, status: int) -> None:
    """Without a Location they were accepted, as was 300: with a good body the guard exited 0."""
    fault = fault_of(profile, Says(answer(status, "" if status == 304 else "{}")))
    assert fault.kind is HttpErrorKind.REDIRECT
    assert f"a redirect ({status})" in str(fault)


@BOTH
@pytest.mark.parametrize("status", [101, 103, 199])
def test_an_interim_answer_is_not_the_answer(profile: ApiProfile, status: int) -> None:
    """For a store, 101 was a success without content."""
    assert fault_of(profile, Says(answer(status, ""))).kind is HttpErrorKind.CONTENT


@BOTH
@pytest.mark.parametrize("length", ["-5", "+2", "2, 2", "two", "0x2", "2.0", "9" * 30])
def test_an_answer_with_an_invalid_content_length_is_refused(
    profile: ApiProfile, length: str
) -> None:
    """A negative one was accepted, and the body read until the connection was closed."""
    says = Says(answer(200, "{}", Content_Length=length, Connection="close"))
    fault = fault_of(profile, says)
    assert fault.kind is HttpErrorKind.CONTENT
    assert "invalid Content-Length" in str(fault)


def test_an_answer_of_no_length_ends_with_its_connection() -> None:
    found, _ = ask(KEY_SERVER, Says("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}"))
    assert found.document == {}


# Times

ODD_TIMES = [
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 2026 00:00:00 +9999",
    "9" * 5000,
    "1e999",
    "-1",
]


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("name", ["Date", "Retry_After", "x_ratelimit_reset", "RateLimit_Reset"])
@pytest.mark.parametrize("text", ODD_TIMES, ids=lambda text: text[:30])
def test_times_that_no_clock_shows_end_in_words(text: str, name: str, status: int) -> None:
    headers = {name: text, "x_ratelimit_remaining": "0"}
    if name == "Date":
        headers |= {"Retry_After": "999999"}
    found, _ = ask(STORE, Says(answer(status, **headers)))
    assert "GitHub" in github_refusal(found, "a permission")
    for pause in (github_pause(found), limit_pause(found)):
        if pause is not None:
            assert pause >= 0
            assert format_time(found.later(pause)).endswith("Z")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x"])
def test_a_moment_that_no_clock_shows_is_none(text: str) -> None:
    found, _ = ask(
        STORE, Says(answer(200, f'{{"at": "{text}", "then": "2026-01-01T01:00:00+01:00"}}'))
    )
    assert found.moment("at") is None
    then = found.moment("then")
    assert then is not None
    assert format_time(then) == "2026-01-01T00:00:00Z"


def test_a_date_without_a_zone_is_in_utc() -> None:
    moment = http_date("Thu, 01 Jan 2026 00:00:00 -0000")
    assert moment is not None
    assert format_time(moment) == "2026-01-01T00:00:00Z"


# Retries


def test_a_temporary_refusal_is_followed_by_growing_pauses() -> None:
    says = Says(answer(503))
    found, pauses = ask(KEY_SERVER, says)
    assert (found.status, says.count) == (503, 7)
    for pause, usual in zip(pauses, [0, 0.4, 0.8, 1.6, 3.2, 3.2], strict=True):
        assert usual <= pause <= usual + 0.2


def test_a_pause_that_is_asked_for_is_made() -> None:
    says = Says(answer(503, Retry_After="7"), answer(503, Retry_After="3600"), answer(200))
    found, pauses = ask(KEY_SERVER, says)
    assert (found.status, pauses) == (200, [7, 30])


def test_a_pause_beyond_the_time_is_not_begun() -> None:
    says = Says(answer(503, Retry_After="20"))
    fault = fault_of(KEY_SERVER, says, seconds=19)
    assert str(fault).endswith("answered 503 until the time ran out (--timeout).")
    assert says.count == 1


class CutFirst(Says):
    """Closes the connection after the first text."""

    def __call__(self, connection: socket) -> bool:
        return super().__call__(connection) and self.count > 1


@pytest.mark.parametrize("first", ["", "HTTP/1.1 201 Crea", answer(200, "{", Content_Length="2")])
def test_a_lost_answer_is_asked_for_again_where_that_does_no_harm(first: str) -> None:
    says = CutFirst(first, answer(200))
    found, _ = ask(STORE, says)
    assert (found.status, says.count) == (200, 2)
    says = CutFirst(first, answer(200))
    assert "cannot be reached" in str(fault_of(STORE, says, method="POST"))
    assert says.count == 1


def test_what_was_never_sent_may_be_sent_again() -> None:
    """Nobody listens on the port, so even a POST can be sent again."""
    clock = VirtualClock()
    with ScriptedServer(Says("")) as server:
        address = ServerAddress(server.url)
    client = HttpClient(address, STORE, Deadline(600, "--timeout", clock), clock)
    with pytest.raises(HttpError, match="connection refused"):
        client.call("POST", "/", CREDENTIAL)
    assert len(clock.slept) == 6
