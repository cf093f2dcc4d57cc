"""``github-secret`` where GitHub is slow, strict or away: limits, lost answers, redirects."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Literal

import pytest

from contract.harness import delivery
from providers.github_harness import (
    AT,
    PUBLIC_KEY,
    SECRET,
    TOKEN,
    GithubHarness,
    furnish,
    kept_long_ago,
)
from signotaur_action.ports import Sink
from support.providers.exchange import Call, Fault, Reply, drop, fail
from support.providers.github import GitHub
from support.sample_key import KEY


@pytest.fixture
def harness() -> Iterator[GithubHarness]:
    with GitHub() as github:
        furnish(github)
        yield GithubHarness(github)


# Limits: the stand-in records every call that comes back before the time is over

STATUSES = pytest.mark.parametrize("status", [403, 429])


@STATUSES
def test_a_limit_that_ends_soon_is_waited_for(
    harness: GithubHarness, status: Literal[403, 429]
) -> None:
    sink = harness.checked()
    harness.github.limit_primary(1, reset_in=5, status=status)
    sink.deliver(delivery(KEY))
    assert 5 <= sum(harness.clock.slept) < 8
    assert harness.github.secret(*AT) == KEY
    assert [each.status for each in harness.github.calls("PUT")] == [status, 201]


@STATUSES
@pytest.mark.parametrize("before", ["the check", "the delivery"])
def test_a_limit_that_ends_late_is_reported_with_its_end(
    harness: GithubHarness, status: Literal[403, 429], before: str
) -> None:
    sink = harness.sink()
    if before == "the delivery":
        sink.check()
    harness.github.limit_primary(1, reset_in=3600, status=status)
    told = _told_at_once(harness, sink.check if before == "the check" else _delivering(sink))
    ends = harness.github.limits.reset
    assert ends is not None
    assert abs(datetime.fromisoformat(told) - ends) <= timedelta(seconds=2)
    assert [each.status for each in harness.github.requests][-1] == status


@STATUSES
def test_a_pause_that_github_asks_for_is_made(
    harness: GithubHarness, status: Literal[403, 429]
) -> None:
    harness.github.limit_secondary(1, times=1, status=status)
    harness.checked().deliver(delivery(KEY))
    assert harness.clock.slept == [1]
    assert harness.github.secret(*AT) == KEY


@STATUSES
@pytest.mark.parametrize("retry_after", [None, 60, 3600])
def test_a_pause_beyond_the_time_limit_is_reported_with_its_end(
    harness: GithubHarness, status: Literal[403, 429], retry_after: int | None
) -> None:
    """Without a Retry-After GitHub asks for a minute."""
    sink = harness.checked()
    harness.github.limit_secondary(retry_after, status=status)
    _told_at_once(harness, _delivering(sink))
    assert len(harness.github.requests) == 3


def _delivering(sink: Sink) -> Callable[[], None]:
    return lambda: sink.deliver(delivery(KEY))


def _told_at_once(harness: GithubHarness, act: Callable[[], object]) -> str:
    """Return the time in the message."""
    told = harness.told(act)
    assert harness.clock.slept == []
    match = re.search(r"GitHub's rate limit lasts until (20[0-9T:-]+Z)\.", told)
    assert match is not None, told
    return match[1]


# Answers that do not come, or come from others


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_is_away_is_asked_again(harness: GithubHarness, status: int) -> None:
    faults = [fail("GET", PUBLIC_KEY, status), fail("PUT", SECRET, status)]
    harness.github.faults += faults
    harness.checked().deliver(delivery(KEY))
    assert [each.status for each in harness.github.calls("PUT")] == [status, 201]
    assert harness.github.secret(*AT) == KEY


@pytest.mark.parametrize("after", [False, True], ids=["request", "answer"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_is_lost_on_the_way_is_sent_again(
    harness: GithubHarness, method: str, *, after: bool
) -> None:
    kept_long_ago(harness.github, *AT)
    harness.github.faults.append(drop(method, SECRET, after=after))
    harness.checked().deliver(delivery(KEY))
    assert harness.github.secret(*AT) == KEY
    assert len(harness.github.calls("PUT")) == (2 if method == "PUT" else 1)


WRONG: dict[str, tuple[Fault, str]] = {
    "503": (fail("", "", 503, times=99), "answered 503 until the time ran out (a test's time)"),
    "nothing": (drop("", "", times=99), "cannot be reached: "),
    "html": (fail("", "", 200, body=b"<html>", times=99), "which is not an answer from GitHub"),
    "deep": (fail("", "", 200, body=b"[" * 99_999, times=99), "which is not an answer from GitHub"),
    "long": (
        fail("", "", 200, body=b" " * 5_000_000, times=99),
        "answered with more than 4096 KiB",
    ),
    "html 403": (fail("", "", 403, body=b"<html>", times=99), "(403: it gave no reason)"),
    "a list": (
        fail("", "", 418, body=["tea"], times=99),
        "GitHub answered 418: it gave no reason.",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("before", ["the check", "the delivery"])
def test_a_server_that_keeps_failing_is_reported(
    harness: GithubHarness, wrong: str, before: str
) -> None:
    fault, what = WRONG[wrong]
    harness.seconds = 5
    sink = harness.sink()
    if before == "the delivery":
        sink.check()
    harness.github.faults.append(fault)
    assert what in harness.told(sink.check if before == "the check" else _delivering(sink))
    assert harness.github.secret(*AT) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_neither_token_nor_key_is_sent_on(harness: GithubHarness, status: int, method: str) -> None:
    with GitHub() as other:
        there = {"Location": f"{other.url}/{AT[1]}/actions/secrets/KEY"}
        harness.github.faults.append(fail(method, SECRET, status, headers=there))
        assert f"a redirect ({status})" in harness.refusal(harness.sink())
        assert other.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("form", ["json", "header", "html"])
def test_a_server_that_repeats_what_it_was_sent_shows_nothing(
    harness: GithubHarness, status: int, form: str
) -> None:
    def echo(call: Call) -> Reply:
        text = f"bad: {KEY} {call.headers['authorization']} ##[error] {call.body.decode()}"
        if form == "json":
            return Reply(status, {"message": text})
        if form == "header":
            return Reply(status, b"", {"Content-Type": KEY, "X-OAuth-Scopes": TOKEN})
        return Reply(status, f"<html>{text}".encode())

    sink = harness.checked()
    harness.github.faults.append(lambda call: echo(call) if call.method == "PUT" else None)
    told = harness.told(_delivering(sink))
    assert "##[" not in told
