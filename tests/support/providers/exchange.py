"""A call to a stand-in, its answer, and the faults a test can put between them."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from support.providers.standin import StandIn


@dataclass(frozen=True)
class Request:
    """A request as the stand-in saw it, and the status it was answered with (0: none)."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body) if self.body else None


@dataclass
class Reply:
    """An answer; ``body`` is sent as JSON, except bytes, which are sent as they are."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the bytes to send."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Drop:
    """No answer: the connection is closed."""


DROP = Drop()


class Call:
    """One request under way, as ``handle`` and the faults see it."""

    def __init__(
        self, stand_in: "StandIn", method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        self.stand_in = stand_in
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self._outcome: Reply | Drop | None = None

    @property
    def route(self) -> str:
        """The path without its query, as sent: still percent-encoded."""
        return urlsplit(self.path).path

    @property
    def segments(self) -> list[str]:
        """The parts of the path between its slashes, decoded."""
        return [unquote(each) for each in self.route.strip("/").split("/")]

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of one given twice, the last."""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    def perform(self) -> Reply | Drop:
        """Let the service do its work, once, and return its answer."""
        with self.stand_in.lock:
            if self._outcome is None:
                self._outcome = self.stand_in.handle(self)
            return self._outcome

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the stand-in lives."""
        self.stand_in.closing.wait(seconds)


Fault = Callable[[Call], Reply | Drop | None]
"""Answers in the service's place, or returns None to let the call pass."""


def fail(
    method: str,
    path_regex: str,
    status: int,
    *,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    times: int = 1,
) -> Fault:
    """Answer in the service's place; the work is not done."""
    reply = Reply(status, {} if body is None else body, dict(headers or {}))
    return _limited(method, path_regex, times, lambda _: reply)


def drop(method: str, path_regex: str, *, times: int = 1, after: bool = False) -> Fault:
    """Close the connection without an answer; with ``after``, when the work is done."""

    def act(call: Call) -> Drop:
        if after:
            call.perform()
        return DROP

    return _limited(method, path_regex, times, act)


def hang(
    seconds: float,
    method: str = "",
    path_regex: str = "",
    *,
    times: int = 1,
    after: bool = False,
) -> Fault:
    """Make the client wait, before the work or ``after`` it."""

    def act(call: Call) -> Reply | Drop | None:
        reply = call.perform() if after else None
        call.pause(seconds)
        return reply

    return _limited(method, path_regex, times, act)


def after(method: str, path_regex: str, action: Callable[[], object], *, times: int = 1) -> Fault:
    """Run ``action`` when the work is done and the answer is not yet sent."""

    def act(call: Call) -> Reply | Drop:
        reply = call.perform()
        action()
        return reply

    return _limited(method, path_regex, times, act)


def before(method: str, path_regex: str, action: Callable[[], object], *, times: int = 1) -> Fault:
    """Run ``action`` before the work, then let the call pass."""

    def act(_: Call) -> None:
        action()

    return _limited(method, path_regex, times, act)


def _limited(method: str, path_regex: str, times: int, act: Fault) -> Fault:
    """Apply ``act`` to the first ``times`` calls of the method ("": any) and path."""
    pattern = re.compile(path_regex)
    lock = threading.Lock()
    left = times

    def fault(call: Call) -> Reply | Drop | None:
        nonlocal left
        if method not in ("", call.method) or not pattern.search(call.path):
            return None
        with lock:
            if left <= 0:
                return None
            left -= 1
        return act(call)

    return fault
