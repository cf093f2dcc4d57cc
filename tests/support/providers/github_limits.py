"""GitHub's rate limits, as "Rate limits for the REST API" describes them."""

import math
from datetime import datetime, timedelta

from support.providers.exchange import Reply
from support.providers.github_bodies import refusal

_PAGE = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
_PER_HOUR = 5000
_UNTOLD = 60  # "Otherwise, wait for at least one minute before retrying."


class Limits:
    """Both limits, of all tokens together."""

    def __init__(self) -> None:
        self.status = 403
        self.remaining = _PER_HOUR
        self.reset: datetime | None = None
        self.secondary: list[tuple[int, int | None]] = []

    def headers(self, now: datetime) -> dict[str, str]:
        """Return what every answer tells of the primary limit."""
        reset = self.reset or now + timedelta(hours=1)
        return {
            "X-RateLimit-Limit": str(_PER_HOUR),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(reset.timestamp())),
            "X-RateLimit-Used": str(_PER_HOUR - self.remaining),
            "X-RateLimit-Resource": "core",
        }

    def count(self, now: datetime) -> tuple[Reply, float] | None:
        """Count a request; return a refusal and the seconds to stay away, if it is too many."""
        if self.secondary:
            return self._too_fast(*self.secondary.pop(0))
        if self.reset is not None and now >= self.reset:
            self.remaining, self.reset = _PER_HOUR, None
        if self.remaining > 0:
            self.remaining -= 1
            return None
        reset = self.reset or now
        reply = refusal(
            self.status,
            "API rate limit exceeded for user ID 1. If you reach out to GitHub Support for "
            "help, please include the request ID.",
            documentation_url=_PAGE,
        )
        return reply, math.ceil(reset.timestamp()) - now.timestamp()

    @staticmethod
    def _too_fast(status: int, retry_after: int | None) -> tuple[Reply, float]:
        reply = refusal(
            status,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try "
            "again. If you reach out to GitHub Support for help, please include the request ID.",
            documentation_url=f"{_PAGE}#about-secondary-rate-limits",
        )
        if retry_after is None:
            return reply, _UNTOLD
        reply.headers["Retry-After"] = str(retry_after)
        return reply, retry_after
