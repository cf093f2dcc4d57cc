"""GitHub's REST API, of github.com or an Enterprise Server: calls, rate limits, refusals in words.

https://docs.github.com/en/rest: "Getting started with the REST API", "Best practices for using
the REST API" (rate limits), "Troubleshooting the REST API" (404 and 403).
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.http import Answer, ApiProfile, Credential, StoreAccess
from signotaur_action.http.address import parse_server_url
from signotaur_action.model import Secret
from signotaur_wire.members import Json, format_time

PUBLIC_API = "https://api.github.com"
FORBIDDEN, NOT_FOUND, UNAUTHORIZED = 403, 404, 401
_LIMITED = frozenset({FORBIDDEN, 429})
_SECONDARY_PAUSE = 60.0
"""What GitHub asks for where a secondary limit names no time."""
_MARGIN = 1.0
"""Reset times are whole seconds."""


class GitHubRest:
    """Calls with one token. All methods raise HttpError when no answer came.

    Waits for a rate limit where it ends within the time that is left, and gives GitHub's refusal
    back where it does not.
    """

    def __init__(self, outside: StoreAccess, token: Secret) -> None:
        """Raise ValueError for an invalid token or an invalid address in ``GITHUB_API_URL``."""
        if not re.fullmatch("[!-~]+", token.reveal()):
            raise ValueError("the token contains characters that are not valid in a token")
        try:
            self.url = parse_server_url(outside.environ.get("GITHUB_API_URL") or PUBLIC_API)
        except ValueError as error:
            raise ValueError(f"GITHUB_API_URL: {error}") from None
        self._credential = Credential(token)
        self._client = outside.client(self.url, _MANNERS)

    def call(
        self, method: str, path: str, body: Json | None = None, *, hide: Collection[Secret] = ()
    ) -> Answer:
        """Send a request; ``path`` comes from ``join_path``."""
        return self._client.call(method, path, self._credential, body, hide=hide)


def refusal_text(answer: Answer, permission: str) -> str:
    """Return in a few words why GitHub refused; ``permission`` is what the call needs."""
    said = escape_untrusted(answer.text("message")).rstrip(".") or "it gave no reason"
    if limit_pause(answer) is not None:
        return f"GitHub's rate limit lasts until {format_time(_free_at(answer))}"
    if answer.status == UNAUTHORIZED:
        return f"GitHub does not accept the token (401: {said}): it may have expired"
    if answer.status in (FORBIDDEN, NOT_FOUND):
        return f"GitHub refuses the token ({answer.status}: {said}): it needs {permission}"
    return f"GitHub answered {answer.status}: {said}"


def limit_pause(answer: Answer) -> float | None:
    """Return for how many seconds a rate limit applies; None without one.

    GitHub answers both kinds with 403 or 429: the primary with ``x-ratelimit-remaining: 0`` and
    the end in ``x-ratelimit-reset``, the secondary with ``Retry-After`` or in words only.
    """
    if answer.status not in _LIMITED:
        return None
    if answer.retry_after is not None:
        return answer.retry_after.total_seconds()
    if answer.headers.get("x-ratelimit-remaining") == "0":
        return _until_reset(answer.headers, answer.server_time)
    if "secondary rate limit" in answer.text("message").lower():
        return _SECONDARY_PAUSE
    return None


def _until_reset(headers: Mapping[str, str], now: datetime) -> float:
    reset = headers.get("x-ratelimit-reset", "")
    if not re.fullmatch("[0-9]{1,10}", reset):
        return _SECONDARY_PAUSE
    return max(_MARGIN, int(reset) - now.timestamp() + _MARGIN)


def _free_at(answer: Answer) -> datetime:
    return answer.later(limit_pause(answer) or 0)


_MANNERS = ApiProfile(
    kind="GitHub",
    # A POST may have opened an issue or written a comment, which must not happen twice.
    repeatable=("GET", "PUT", "PATCH"),
    headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    json_only=False,
    verbatim=True,
    longest_answer=4 * 1024 * 1024,  # a hundred repositories, or issues
    pause=limit_pause,
)
