"""Azure Key Vault with the sign-in of Microsoft Entra before it, on one address.

https://learn.microsoft.com/rest/api/keyvault/secrets, held to the published description
(``tests/data/azure_key_vault_api.json``), and for the sign-in
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from support.providers.described import DescribedStandIn, RefusedError
from support.providers.exchange import Call, Reply
from support.providers.id_tokens import claims_of
from support.tls import Certificate

TENANT = "11111111-1111-1111-1111-111111111111"
APPLICATION = "22222222-2222-2222-2222-222222222222"
SCOPE = "https://vault.azure.net/.default"
AUDIENCE = "api://AzureADTokenExchange"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LARGEST = 25 * 1024
_NAME = re.compile("[0-9a-zA-Z-]{1,127}")


@dataclass
class Secret:
    """One secret: its versions, the newest last."""

    versions: list[dict[str, Any]] = field(default_factory=list)
    deleted: bool = False


class _RefusedError(RefusedError):
    def __init__(self, status: int, code: str, inner: str = "") -> None:
        error: dict[str, Any] = {"code": code, "message": f"{code}: refused."}
        if inner:
            error["innererror"] = {"code": inner}
        super().__init__(status, {"error": error})


class AzureKeyVault(DescribedStandIn):
    """One vault, and one application that may sign in. ``rights`` are those of its role there."""

    description = Path(__file__).parents[2] / "data" / "azure_key_vault_api.json"

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.client_secrets: set[str] = set()
        self.subjects: set[str] = set()
        """Of the federated credentials of the application."""
        self.rights = {"get", "set"}
        self.secrets: dict[str, Secret] = {}
        self.tokens: set[str] = set()

    def put(self, name: str, value: str, **members: Any) -> None:
        """Store a version, as somebody did in the portal."""
        with self.lock:
            self._add(name, {"value": value, **members})

    def newest(self, name: str) -> dict[str, Any] | None:
        """Return the newest version of a secret, with its value."""
        with self.lock:
            found = self.secrets.get(name)
            return dict(found.versions[-1]) if found and not found.deleted else None

    def handle(self, call: Call) -> Reply:
        """See ``StandIn``. The sign-in is another service, whose description is only prose."""
        if call.segments[1:] == ["oauth2", "v2.0", "token"]:
            return self._sign_in(call)
        return super().handle(call)

    def _sign_in(self, call: Call) -> Reply:
        form = {name: values[-1] for name, values in parse_qs(call.body.decode()).items()}
        kind = call.headers.get("content-type", "")
        if call.method != "POST" or kind != "application/x-www-form-urlencoded":
            self.violation(f"{call.method} {call.route}: not a form")
        if call.segments[0] != TENANT or form.get("client_id") != APPLICATION:
            return _refusal(400, "unauthorized_client", "AADSTS700016: Application not found.")
        if form.get("grant_type") != "client_credentials" or form.get("scope") != SCOPE:
            return _refusal(400, "invalid_scope", "AADSTS70011: The scope is not valid.")
        if not self._proved(form):
            return _refusal(401, "invalid_client", "AADSTS7000215: Invalid credential provided.")
        token = f"eyJ0eXAi.{uuid4().hex}.{uuid4().hex}"
        self.tokens.add(token)
        answer = {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599}
        return Reply(200, answer | {"access_token": token})

    def _proved(self, form: dict[str, str]) -> bool:
        if "client_secret" in form:
            return form["client_secret"] in self.client_secrets
        if form.get("client_assertion_type") != _ASSERTION:
            return False
        claims = claims_of(form["client_assertion"])
        return claims["aud"] == AUDIENCE and claims["sub"] in self.subjects

    def serve(self, call: Call, body: Any) -> Reply:
        """See ``DescribedStandIn``."""
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise _RefusedError(401, "Unauthorized")
        if call.query.get("api-version") != "7.4":
            raise _RefusedError(400, "BadParameter")
        collection, name = call.segments
        if not _NAME.fullmatch(name):
            raise _RefusedError(400, "BadParameter")
        right = "set" if call.method == "PUT" else "get"
        if right not in self.rights:
            raise _RefusedError(403, "Forbidden", "ForbiddenByRbac")
        found = self.secrets.get(name)
        if call.method == "PUT":
            return self._set(name, found, body)
        if collection == "deletedsecrets":
            if found is None or not found.deleted:
                raise _RefusedError(404, "SecretNotFound")
            return Reply(200, {"id": found.versions[-1]["id"], "recoveryId": f"{self.url}/x"})
        if found is None or found.deleted:
            raise _RefusedError(404, "SecretNotFound")
        if not found.versions[-1]["attributes"]["enabled"]:
            raise _RefusedError(403, "Forbidden", "SecretDisabled")
        return Reply(200, found.versions[-1])

    def _set(self, name: str, found: Secret | None, body: dict[str, Any]) -> Reply:
        if found is not None and found.deleted:
            raise _RefusedError(409, "Conflict", "ObjectIsDeletedButRecoverable")
        if len(str(body.get("value", "")).encode()) > _LARGEST:
            raise _RefusedError(400, "BadParameter")
        return Reply(200, self._add(name, body))

    def _add(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        now = int(self.now().timestamp())
        attributes = {"enabled": True, "recoveryLevel": "Recoverable+Purgeable"}
        attributes |= {"created": now, "updated": now} | body.get("attributes", {})
        version = {**body, "id": f"{self.url}/secrets/{name}/{uuid4().hex}"}
        version["attributes"] = attributes
        self.secrets.setdefault(name, Secret()).versions.append(version)
        return version


def _refusal(status: int, error: str, description: str) -> Reply:
    return Reply(status, {"error": error, "error_description": description})
