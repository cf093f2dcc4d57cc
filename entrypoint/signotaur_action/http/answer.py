"""A server's answer, and the times in it. A server may say anything: no time raises here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

FIRST_REFUSAL = 400


@dataclass(frozen=True)
class Answer:
    """A server's answer; ``document`` is not yet checked against any protocol."""

    status: int
    document: object
    """What the JSON says; None where the answer had none."""
    retry_after: timedelta | None
    headers: Mapping[str, str]
    """By name, in whatever case it is asked for."""
    server_time: datetime
    """The time of the answer, in UTC: the server's (RFC 9110 6.6.1), ours where it tells none."""

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
        """Return the moment so many seconds after the answer, or the last one there is."""
        try:
            return self.server_time + timedelta(seconds=seconds)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)


def http_date(text: str) -> datetime | None:
    """Return a date of RFC 9110 5.6.7, in UTC; None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def server_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """Return when an answer was made, as its server says; ``now`` where it does not say."""
    return http_date(headers.get("Date", "")) or now


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return what Retry-After asks for, in seconds or as a date (RFC 9110 10.2.3)."""
    text = headers.get("Retry-After", "")
    if re.fullmatch("[0-9]{1,6}", text):
        return timedelta(seconds=int(text))
    moment = http_date(text)
    return None if moment is None else max(moment - server_time(headers, now), timedelta(0))
