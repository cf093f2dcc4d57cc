"""A server's answer and the times in it. Times that are invalid or out of range never raise."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

FIRST_REFUSAL = 400
TOO_MANY = 429
_MARGIN = 1.0
"""Seconds; reset times are whole ones."""
_LATEST_SPAN = 10**8
"""A reset beyond this is a Unix time (GitHub, GitLab), else seconds to wait (Buildkite)."""


@dataclass(frozen=True)
class Answer:
    """A server's answer; ``document`` is not yet checked against any protocol."""

    status: int
    document: object
    """What the JSON says; None where the answer had none."""
    retry_after: timedelta | None
    headers: Mapping[str, str]
    """By name; case is ignored."""
    server_time: datetime
    """The server's time of the answer (RFC 9110 6.6.1) in UTC, or ours if it sends none."""

    @property
    def refused(self) -> bool:
        """Whether the server did not do what was asked."""
        return self.status >= FIRST_REFUSAL

    def member(self, name: str) -> object:
        """Return a member of the JSON object; None where there is none."""
        return self.document.get(name) if isinstance(self.document, dict) else None

    def text(self, name: str) -> str:
        """Return a member that is a text; empty where there is none."""
        value = self.member(name)
        return value if isinstance(value, str) else ""

    def moment(self, name: str) -> datetime | None:
        """Return a member that is an ISO 8601 time with its zone, in UTC; None otherwise."""
        try:
            moment = datetime.fromisoformat(self.text(name))
            return moment.astimezone(UTC) if moment.tzinfo else None
        except (ValueError, OverflowError):
            return None

    def later(self, seconds: float) -> datetime:
        """Return the time so many seconds after the answer, at most the end of year 9999."""
        try:
            return self.server_time + timedelta(seconds=seconds)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)


def http_date(text: str) -> datetime | None:
    """Parse a date as of RFC 9110 5.6.7 into UTC; None if it is invalid or out of range."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """Return the time of the Date header, or ``now`` if there is no valid one."""
    return http_date(headers.get("Date", "")) or now


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return the pause that Retry-After asks for, in seconds or as a date (RFC 9110 10.2.3)."""
    text = headers.get("Retry-After", "")
    if re.fullmatch("[0-9]{1,6}", text):
        return timedelta(seconds=int(text))
    moment = http_date(text)
    return None if moment is None else max(moment - server_time(headers, now), timedelta(0))


def limit_pause(answer: Answer) -> float | None:
    """Return how many seconds a rate limit lasts; None where the answer reports none."""
    return reset_pause(answer, "RateLimit-Reset", 10) if answer.status == TOO_MANY else None


def reset_pause(answer: Answer, header: str, unnamed: float) -> float:
    """Return how many seconds a rate limit lasts: until Retry-After, or the reset in ``header``.

    ``unnamed``: for a limit that does not say when it ends, like GitLab's application limits.
    """
    if answer.retry_after is not None:
        return max(_MARGIN, answer.retry_after.total_seconds())
    reset = answer.headers.get(header, "")
    if not re.fullmatch("[0-9]{1,10}", reset):
        return unnamed
    seconds = float(reset)
    if seconds > _LATEST_SPAN:
        seconds -= answer.server_time.timestamp()
    return max(_MARGIN, seconds + _MARGIN)
