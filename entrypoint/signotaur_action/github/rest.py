"""GitHub's REST API, of github.com or an Enterprise Server: calls, rate limits, refusals in words.

https://docs.github.com/en/rest: "Getting started with the REST API", "Best practices for using
the REST API" (rate limits), "Troubleshooting the REST API" (404 and 403).
"""

import re
from collections.abc import Collection

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.http import (
    TOO_MANY,
    Answer,
    ApiProfile,
    Credential,
    StoreAccess,
    refusal_text,
    reset_pause,
)
from signotaur_action.http.address import parse_server_url
from signotaur_action.model import Secret
from signotaur_wire.members import Json

PUBLIC_API = "https://api.github.com"
FORBIDDEN, NOT_FOUND, UNAUTHORIZED = 403, 404, 401
_LIMITED = frozenset({FORBIDDEN, TOO_MANY})
_SECONDARY_PAUSE = 60.0
"""What GitHub asks for where a secondary limit names no time."""


class GitHubRest:
    """Calls with one token. All methods raise HttpError when no answer came.

    Waits for a rate limit where it ends within the time that is left, and gives GitHub's refusal
    back where it does not.
    """

    def __init__(self, store_access: StoreAccess, token: Secret) -> None:
        """Raise ValueError for an invalid token or an invalid address in ``GITHUB_API_URL``."""
        if not re.fullmatch("[!-~]+", token.reveal()):
            raise ValueError("the token contains characters that are not valid in a token")
        try:
            self.url = parse_server_url(store_access.environ.get("GITHUB_API_URL") or PUBLIC_API)
        except ValueError as error:
            raise ValueError(f"GITHUB_API_URL: {error}") from None
        self._credential = Credential(token)
        self._client = store_access.client(self.url, _PROFILE)

    def call(
        self, method: str, path: str, body: Json | None = None, *, hide: Collection[Secret] = ()
    ) -> Answer:
        """Send a request; ``path`` comes from ``join_path``."""
        return self._client.call(method, path, self._credential, body, hide=hide)


def github_refusal(answer: Answer, permission: str) -> str:
    """Return in a few words why GitHub refused; ``permission`` is what the call needs."""
    reason = answer.text("message")
    if answer.status == UNAUTHORIZED:
        reason = escape_untrusted(reason).rstrip(".") or "it gave no reason"
        return f"GitHub does not accept the token (401: {reason}): it may have expired"
    denied = answer.status in (FORBIDDEN, NOT_FOUND)
    pause = github_pause(answer)
    return refusal_text("GitHub", answer, reason, permission, pause=pause, denied=denied)


def github_pause(answer: Answer) -> float | None:
    """Return for how many seconds a rate limit applies; None without one.

    GitHub answers both kinds with 403 or 429: the primary with ``x-ratelimit-remaining: 0`` and
    the end in ``x-ratelimit-reset``, the secondary with ``Retry-After`` or in words only.
    """
    if answer.status not in _LIMITED:
        return None
    if answer.retry_after is not None or answer.headers.get("x-ratelimit-remaining") == "0":
        return reset_pause(answer, "x-ratelimit-reset", _SECONDARY_PAUSE)
    is_secondary = "secondary rate limit" in answer.text("message").lower()
    return _SECONDARY_PAUSE if is_secondary else None


_PROFILE = ApiProfile(
    kind="GitHub",
    # A POST may have opened an issue or written a comment, which must not happen twice.
    repeatable=("GET", "PUT", "PATCH"),
    headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    json_only=False,
    verbatim=True,
    longest_answer=4 * 1024 * 1024,  # a hundred repositories, or issues
    pause=github_pause,
)
