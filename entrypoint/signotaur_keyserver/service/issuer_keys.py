"""The keys of trusted issuers: fetched by OpenID Connect discovery, bounded, and kept for a time.

https://openid.net/specs/openid-connect-discovery-1_0.html. Any number of threads may ask at once;
one of them fetches.
"""

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from signotaur_keyserver.domain.trusts import Trust
from signotaur_keyserver.pki.id_tokens import JwksError, KeySet, UnknownKeyIdError
from signotaur_keyserver.service.https import HttpsClient, HttpsError

LARGEST = 64 * 1024
"""Bytes of a discovery document, and of a key set."""
SECONDS = 5.0
"""For each of the two requests."""
FRESH = 3600.0
"""Seconds after which keys are fetched again, so that a withdrawn key is not used for ever."""
USABLE = 24 * 3600.0
"""Seconds for which the last keys are used while their issuer does not answer."""
PAUSE = 30.0
"""Seconds between two fetches from one issuer: nobody can make this server ask more often."""
_OK = 200
_DISCOVERY = "/.well-known/openid-configuration"


class IssuerUnavailableError(Exception):
    """The keys of an issuer cannot be had now. The message says why."""


@dataclass
class _Kept:
    """What is known of one issuer. The lock is for those who fetch."""

    lock: Lock = field(default_factory=Lock)
    keys: KeySet | None = None
    fetched_at: float = -USABLE
    tried_at: float = -PAUSE
    fault: str = ""


class IssuerKeys:
    """Verifies tokens by the keys of the issuers that trusts name.

    ``clock`` counts seconds from any moment from 0 on, for the age of keys alone. A trust of the
    command line may name an issuer in the own network; one of the pages may only with
    ``allow_private``: who signs in must not make this server ask there.
    """

    def __init__(
        self,
        clock: Callable[[], float] = monotonic,
        *,
        seconds: float = SECONDS,
        allow_private: bool = False,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._allow_private = allow_private
        self._kept: dict[tuple[str, str | None, bool], _Kept] = {}

    def claims(self, trust: Trust, token: str) -> dict[str, Any]:
        """Return the claims of a token that the issuer of a trust signed.

        Keys are fetched where there are none, where they are old, and once for an id that is
        not among them. Raises IdTokenError and IssuerUnavailableError.
        """
        if trust.jwks is not None:
            return KeySet(trust.jwks).claims(token)
        source = trust.issuer, trust.ca_pem, self._may_be_private(trust)
        kept = self._kept.setdefault(source, _Kept())
        keys = kept.keys
        if keys is not None and self._clock() - kept.fetched_at < FRESH:
            try:
                return keys.claims(token)
            except UnknownKeyIdError:
                pass
        return self._newer(kept, trust).claims(token)

    def _newer(self, kept: _Kept, trust: Trust) -> KeySet:
        """Return the keys after a fetch, or the last ones where it is too early for one."""
        if not kept.lock.acquire(blocking=kept.keys is None):
            raise IssuerUnavailableError("its keys are being fetched")
        try:
            if self._clock() - kept.tried_at >= PAUSE:
                self._fetch_into(kept, trust)
            if kept.keys is None or self._clock() - kept.fetched_at >= USABLE:
                raise IssuerUnavailableError(kept.fault)
            return kept.keys
        finally:
            kept.lock.release()

    def _fetch_into(self, kept: _Kept, trust: Trust) -> None:
        kept.tried_at = self._clock()
        try:
            private = self._may_be_private(trust)
            kept.keys = KeySet(_fetched(trust, self._seconds, allow_private=private))
            kept.fetched_at = self._clock()
        except (HttpsError, JwksError) as error:
            kept.fault = str(error)

    def _may_be_private(self, trust: Trust) -> bool:
        return self._allow_private or trust.added_by_user_id is None


def _fetched(trust: Trust, seconds: float, *, allow_private: bool) -> object:
    """Return the key set that an issuer publishes. Raises HttpsError and JwksError."""
    tls = ssl.create_default_context()
    if trust.ca_pem is not None:
        tls.load_verify_locations(cadata=trust.ca_pem)
    client = HttpsClient(allow_private=allow_private, tls=tls, seconds=seconds)
    discovered = _document(client, trust.issuer.rstrip("/") + _DISCOVERY)
    if not isinstance(discovered, dict) or discovered.get("issuer") != trust.issuer:
        raise JwksError("the discovery document is of another issuer")
    url = discovered.get("jwks_uri")
    if not isinstance(url, str) or _origin(url) != _origin(trust.issuer):
        raise JwksError("the discovery document names no jwks_uri on the issuer's own host")
    return _document(client, url)


def _document(client: HttpsClient, url: str) -> object:
    status, body = client.send("GET", url, None, {"Accept": "application/json"}, LARGEST + 1)
    if status != _OK:
        raise HttpsError(f"the issuer answered {status}")
    if len(body) > LARGEST:
        raise JwksError(f"the issuer sent more than {LARGEST} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise JwksError("the issuer sent no JSON") from None


def _origin(url: str) -> tuple[str, str | None, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port
