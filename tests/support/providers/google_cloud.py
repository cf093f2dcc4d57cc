"""Google Cloud on one address: Secret Manager, the exchange of ID tokens, service accounts.

Held to the published reference (``tests/data/google_cloud_api.json``). Only the provider and the
account of the test are known.
"""

import base64
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from google_crc32c import value as crc32c

from support.providers.described import DescribedStandIn, RefusedError
from support.providers.exchange import Call, Reply
from support.providers.id_tokens import claims_of
from support.tls import Certificate

PROJECT = "release-builds"
PROVIDER = "projects/1234567890/locations/global/workloadIdentityPools/ci-pool/providers/github"
ACCOUNT = "rotation@release-builds.iam.gserviceaccount.com"
ADD, READ = "secretmanager.versions.add", "secretmanager.versions.access"
_TYPES = "urn:ietf:params:oauth:token-type:"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_EXCHANGE = {
    "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
    "audience": f"//iam.googleapis.com/{PROVIDER}",
    "scope": _SCOPE,
    "requestedTokenType": f"{_TYPES}access_token",
    "subjectTokenType": f"{_TYPES}jwt",
}
"""What the documentation wants in an exchange, besides the token."""


@dataclass
class Version:
    """One version of a secret."""

    data: bytes
    state: str = "ENABLED"


@dataclass
class Caller:
    """Who has a token: what they may do with secrets, or only become ``ACCOUNT``."""

    rights: set[str] = field(default_factory=set)
    federated: bool = False


class _RefusedError(RefusedError):
    def __init__(self, code: int, status: str, message: str) -> None:
        super().__init__(code, {"error": {"code": code, "status": status, "message": message}})


class GoogleCloud(DescribedStandIn):
    """One project. ``subjects`` are those of the ID tokens that the provider takes."""

    description = Path(__file__).parents[2] / "data" / "google_cloud_api.json"

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.callers: dict[str, Caller] = {}
        self.subjects: set[str] = set()
        self.account_rights = {ADD, READ}
        self.may_impersonate = True
        self.secrets: dict[str, list[Version]] = {}

    def serve(self, call: Call, body: Any) -> Reply:
        """See ``DescribedStandIn``."""
        if call.route == "/v1/token":
            return self._exchange(body)
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        caller = self.callers.get(token)
        if caller is None:
            raise _RefusedError(401, "UNAUTHENTICATED", "Request had invalid credentials.")
        if call.segments[3] == "serviceAccounts":
            return self._impersonate(call, caller, body)
        place = re.fullmatch(r"/v1/projects/([^/]+)/secrets/([^/:]+)(.*)", call.route)
        assert place is not None
        project, name, action = place.groups()
        found = self.secrets.get(name) if project == PROJECT else None
        rights = caller.rights if found is not None and not caller.federated else set()
        if action == ":testIamPermissions":
            return Reply(200, {"permissions": sorted(rights & set(body["permissions"]))})
        needed = ADD if action == ":addVersion" else READ
        if found is None or needed not in rights:
            text = f"Permission '{needed}' denied for resource '{project}/{name}'."
            raise _RefusedError(403, "PERMISSION_DENIED", text)
        if needed == ADD:
            return self._add(name, found, body["payload"])
        return self._access(name, found)

    def _add(self, name: str, found: list[Version], payload: dict[str, str]) -> Reply:
        data = base64.b64decode(payload["data"], validate=True)
        checked = "dataCrc32c" in payload
        if checked and int(payload["dataCrc32c"]) != crc32c(data):
            raise _RefusedError(400, "INVALID_ARGUMENT", "The checksum does not match the data.")
        found.append(Version(data))
        version = {"name": _named(name, len(found)), "state": "ENABLED", "etag": uuid4().hex}
        return Reply(200, version | {"clientSpecifiedPayloadChecksum": checked})

    def _access(self, name: str, found: list[Version]) -> Reply:
        if not found:
            raise _RefusedError(404, "NOT_FOUND", f"Secret [{name}] has no versions.")
        if found[-1].state != "ENABLED":
            text = f"Secret Version [{name}] is in {found[-1].state} state."
            raise _RefusedError(400, "FAILED_PRECONDITION", text)
        data = found[-1].data
        payload = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(crc32c(data))}
        return Reply(200, {"name": _named(name, len(found)), "payload": payload})

    def _exchange(self, body: dict[str, Any]) -> Reply:
        for member, value in _EXCHANGE.items():
            if body[member] != value:
                said = f"Invalid value for {member}"
                return Reply(400, {"error": "invalid_request", "error_description": said})
        claims = claims_of(body["subjectToken"])
        if claims["aud"] != f"https://iam.googleapis.com/{PROVIDER}":
            return Reply(400, {"error": "invalid_grant", "error_description": "Wrong audience"})
        if claims["sub"] not in self.subjects:
            text = "The given credential is rejected by the attribute condition."
            return Reply(401, {"error": "unauthorized_client", "error_description": text})
        token = self._new_token(Caller(federated=True))
        about = {"issued_token_type": f"{_TYPES}access_token", "token_type": "Bearer"}
        return Reply(200, about | {"access_token": token, "expires_in": 3599})

    def _impersonate(self, call: Call, caller: Caller, body: dict[str, Any]) -> Reply:
        if body != {"scope": [_SCOPE], "lifetime": "900s"}:
            raise _RefusedError(400, "INVALID_ARGUMENT", "not the least that is needed")
        if not (caller.federated and self.may_impersonate and ACCOUNT in call.segments[4]):
            text = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource."
            raise _RefusedError(403, "PERMISSION_DENIED", text)
        token = self._new_token(Caller(set(self.account_rights)))
        ends = self.now() + timedelta(minutes=15)
        return Reply(200, {"accessToken": token, "expireTime": f"{ends:%Y-%m-%dT%H:%M:%SZ}"})

    def _new_token(self, caller: Caller) -> str:
        token = f"ya29.{uuid4().hex}"
        self.callers[token] = caller
        return token


def _named(secret: str, version: int) -> str:
    return f"projects/1234567890/secrets/{secret}/versions/{version}"
