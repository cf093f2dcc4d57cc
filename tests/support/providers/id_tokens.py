"""An issuer of ID tokens: what a job of GitHub asks for its own, and the key that proves them.

https://docs.github.com/en/actions/reference/security/oidc: the claims, and the request.
"""

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from support.providers.exchange import Call, Reply
from support.providers.standin import StandIn
from support.tls import Certificate

ISSUER = "https://token.actions.githubusercontent.com"
REQUEST_TOKEN = "request-token-AAAAAAAAAAAAAAAAAAAA"
JOB = {
    "sub": "repo:acme/app:environment:signing",
    "repository": "acme/app",
    "environment": "signing",
    "ref": "refs/heads/main",
    "job_workflow_ref": "acme/app/.github/workflows/rotate.yml@refs/heads/main",
}


class IdTokens(StandIn):
    """Issues tokens to anybody who has the job's request token. ``claims`` are those of the job."""

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.claims: dict[str, Any] = dict(JOB)
        self.issued: list[str] = []
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """The issuer's public key, as PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a job with the permission ``id-token: write``."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/run/1/idtoken?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def token(self, audience: str, **claims: Any) -> str:
        """Sign an ID token (RFC 7519, ES256)."""
        now = self.now()
        times = {
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()),
        }
        payload = {"iss": ISSUER, "aud": audience, **times, **self.claims, **claims}
        signed = f"{_encoded({'alg': 'ES256', 'typ': 'JWT'})}.{_encoded(payload)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32) + s.to_bytes(32))}"

    def handle(self, call: Call) -> Reply:
        """Answer a job's request."""
        if call.headers.get("authorization") != f"Bearer {REQUEST_TOKEN}":
            return Reply(401, {"message": "Unauthorized"})
        if call.route != "/run/1/idtoken" or call.query.get("api-version") != "2.0":
            return Reply(404, {"message": "Not Found"})
        token = self.token(call.query["audience"], jti=str(uuid4()))  # each has its own
        self.issued.append(token)
        return Reply(200, {"count": 1, "value": token})


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token, without a look at its signature."""
    content = token.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))
    )
    return claims


def _encoded(document: object) -> str:
    return _base64(json.dumps(document).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
