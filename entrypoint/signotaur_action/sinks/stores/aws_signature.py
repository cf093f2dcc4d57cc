"""Amazon's Signature Version 4: a request that proves a secret key without carrying it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. Only
the services whose requests have no query and no names in their path are meant.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from signotaur_action.http import Request
from signotaur_action.model import Secret
from signotaur_action.ports import Clock

_ALGORITHM = "AWS4-HMAC-SHA256"
_USUAL_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class AwsSignature:
    """A secret key of Amazon's, used for one service in one region."""

    key_id: str
    secret_key: Secret
    session_token: Secret | None
    region: str
    service: str
    clock: Clock

    @property
    def secrets(self) -> Sequence[Secret]:
        """See ``Authentication``."""
        return [self.secret_key, *([self.session_token] if self.session_token else [])]

    def headers(self, url: str, request: Request) -> Mapping[str, str]:
        """See ``Authentication``. Each try is signed again: a signature is good for 5 minutes."""
        now = self.clock.now()
        added = {"X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}"}
        if self.session_token:
            added["X-Amz-Security-Token"] = self.session_token.reveal()
        return added | {"Authorization": self._authorization(url, request, added, now)}

    def _authorization(
        self, url: str, request: Request, added: Mapping[str, str], now: datetime
    ) -> str:
        signed = {"Host": _host(url), **request.headers, **added}
        lines = {name.lower(): " ".join(value.split()) for name, value in signed.items()}
        names = ";".join(sorted(lines))
        canonical = "\n".join(
            [
                request.method,
                quote(urlsplit(url + request.path).path, safe="/-_.~"),
                "",
                *(f"{name}:{lines[name]}" for name in sorted(lines)),
                "",
                names,
                hashlib.sha256(request.content or b"").hexdigest(),
            ]
        )
        scope = f"{now:%Y%m%d}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"{_ALGORITHM}\n{added['X-Amz-Date']}\n{scope}\n{digest}"
        signature = _hmac(self._key(scope), to_sign).hex()
        return (
            f"{_ALGORITHM} Credential={self.key_id}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )

    def _key(self, scope: str) -> bytes:
        key = f"AWS4{self.secret_key.reveal()}".encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _host(url: str) -> str:
    """Return the Host header of requests to a URL: without the port where it is the usual one."""
    parts = urlsplit(url)
    usual = parts.port in (None, _USUAL_PORTS.get(parts.scheme))
    return parts.netloc.rpartition(":")[0] if parts.port and usual else parts.netloc
