"""An issuer of ID tokens with discovery and a key set, as OpenID Connect describes both.

https://openid.net/specs/openid-connect-discovery-1_0.html. It signs with RS256, as GitHub, GitLab
and Buildkite do.
"""

import json
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from support.providers.exchange import Call, Reply
from support.providers.id_tokens import IdTokens
from support.tls import Authority

DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"


class OidcIssuer(IdTokens):
    """Issues tokens over TLS. ``key_ids`` are published; the last one signs."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(tls=authority.issue())
        self.authority = authority
        self.key_ids = ["key-1"]
        self.jwks_uri = f"{self.url}{KEYS}"

    def token(self, audience: str, **claims: Any) -> str:
        """Sign a token with the times and the claims of a job; None leaves one out."""
        return self.signed({"aud": audience, **claims})

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """Sign a token whose claims and header are changed like this."""
        now = int(self.now().timestamp())
        times = {"iat": now, "nbf": now, "exp": now + 300}
        payload = {"iss": self.url, **times, **self.claims, **claims}
        given = {name: value for name, value in payload.items() if value is not None}
        key_id = self.key_ids[-1]
        given_header = {"kid": key_id, **header}
        headers = {name: value for name, value in given_header.items() if value is not None}
        return jwt.encode(given, private_key(key_id), "RS256", headers)

    def key_set(self) -> dict[str, Any]:
        """Return the public keys."""
        return {"keys": [public_key(key_id) for key_id in self.key_ids]}

    def ahead(self, **duration: float) -> int:
        """Return a time from now, as claims have it."""
        return int((self.now() + timedelta(**duration)).timestamp())

    def handle(self, call: Call) -> Reply:
        """Answer what a verifier asks, or a job."""
        if call.route == DISCOVERY:
            return Reply(200, {"issuer": self.url, "jwks_uri": self.jwks_uri})
        if call.route == KEYS:
            return Reply(200, self.key_set())
        return super().handle(call)


@cache
def private_key(key_id: str) -> rsa.RSAPrivateKey:
    """Return the key of an id; it takes a while to make one."""
    del key_id
    return rsa.generate_private_key(65537, 2048)


def public_key(key_id: str) -> dict[str, Any]:
    """Return a key as it is published."""
    key: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(private_key(key_id).public_key()))
    return {**key, "kid": key_id, "use": "sig", "alg": "RS256"}
