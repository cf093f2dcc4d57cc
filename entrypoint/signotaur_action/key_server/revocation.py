"""The RevocationAuthorities: OCSP responders and revocation lists over HTTP."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from signotaur_action.errors import ServerError
from signotaur_action.http import (
    TEMPORARY,
    TOO_MANY,
    ApiProfile,
    HttpError,
    Request,
    ServerAddress,
    single_call,
)
from signotaur_action.http.address import proxy_for
from signotaur_action.ports import Clock

_OK = 200
_SECONDS = 20
_QUERY = "application/ocsp-request"
_RESPONDER = ApiProfile(
    kind="an OCSP responder",
    repeatable=("POST",),
    temporary=TEMPORARY | {TOO_MANY},
    tries=2,
    headers={"Accept": "application/ocsp-response"},
)
_LISTS = ApiProfile(
    kind="a server with revocation lists",
    repeatable=("GET",),
    temporary=TEMPORARY | {TOO_MANY},
    tries=2,
    headers={"Accept": "*/*"},
    longest_answer=16 * 1024 * 1024,
)


@dataclass(frozen=True)
class HttpRevocationAuthorities:
    """See ``ports.RevocationAuthorities``. What is sent is public, so plain http is allowed.

    The answers are signed. A redirect is not followed: it could name any address.
    """

    clock: Clock
    environ: Mapping[str, str]
    """For the proxy."""

    def ask(self, url: str, request: bytes) -> bytes:
        """``POST``."""
        return self._content(url, _RESPONDER, Request("POST", "", request, _QUERY))

    def revocation_list(self, url: str) -> bytes:
        """``GET``."""
        return self._content(url, _LISTS, Request("GET", ""))

    def _content(self, url: str, profile: ApiProfile, request: Request) -> bytes:
        _require_usable(url)
        server = ServerAddress(url, proxy=proxy_for(url, self.environ))
        try:
            reply = single_call(server, profile, request, _SECONDS, self.clock)
        except HttpError as fault:
            raise ServerError(str(fault).removeprefix(f"{url} ")) from None
        if reply.status != _OK:
            raise ServerError(f"it answered {reply.status}")
        return reply.content


def _require_usable(url: str) -> None:
    """Raise ServerError for an address in a certificate that is not to be asked."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for a port that is not a number
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_usable = False
    if not is_usable or "@" in parts.netloc or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ServerError("it is not an http or https URL that can be asked")
