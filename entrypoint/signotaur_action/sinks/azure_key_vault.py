"""The key as a secret of Azure Key Vault.

https://learn.microsoft.com/rest/api/keyvault/secrets. Every write makes a new version, which has
only what is sent: content type and tags of the current one are sent again. The new version
expires with the key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signotaur_action.http import Answer
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.sign_in.entra import entra_sign_in
from signotaur_action.sinks.stores.store import (
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHORIZED,
    Access,
    Store,
    collect_faults,
)
from signotaur_wire.members import Json

KIND = "azure-key-vault"
ADDRESS = "AZURE_KEY_VAULT_URL"
_VERSION = "?api-version=7.4"
_VAULT = r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]"
_NAME = r"[0-9a-zA-Z-]{1,127}"
_SCOPE = "https://vault.azure.net/.default"
_NEEDS = 'the role "Key Vault Secrets Officer", or the right to set this secret'
_NO_RIGHT = ("ForbiddenByRbac", "ForbiddenByPolicy", "AccessDenied")
"""What the vault calls it when the application is known, but may not do this."""
_DELETED = "a secret of this name was deleted and can be recovered; recover or purge it first"
_NEXT = (
    "Fix AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET or the federated credential, the "
    "name of the vault, or what the application may do there, then run the command again."
)


@dataclass(frozen=True)
class _Found:
    """The current version of a secret; all empty where there is none."""

    value: Secret | None = None
    exists: bool = False
    enabled: bool = True
    may_read: bool = True
    kept: Mapping[str, object] | None = None
    """The members that a new version does not have unless they are sent."""


class AzureKeyVaultSink:
    """``azure-key-vault:VAULT/NAME``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        vault, _, self._secret = argument.partition("/")
        require_name(KIND, vault, _VAULT, "a vault of 3 to 24 letters, digits and hyphens before /")
        _, sign_in = collect_faults(
            lambda: require_name(
                KIND, self._secret, _NAME, "a name of letters, digits and hyphens after /"
            ),
            lambda: entra_sign_in(KIND, context, _SCOPE),
        )
        self._vault = Store(KIND, _access(vault), context, sign_in=sign_in)
        self.name = f"Azure Key Vault secret {self._secret} of {vault}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. The vault does not tell who may write before somebody writes."""
        with check_faults(self.name, _NEXT):
            found = self._found()
            if not found.exists and found.may_read:
                self._require_not_deleted()
        if not found.may_read:
            return [f"{self.name} cannot be read; the delivery is verified by its version."]
        if not found.exists:
            return [f"{self.name} does not exist yet; it will be created."]
        return [] if found.enabled else [f"{self.name} is disabled; the new version is enabled."]

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            found = self._found()
            if found.value == delivery.key and found.enabled:
                return  # the answer to an earlier try was lost
            self._set(delivery, found)

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. None where the application may not read the secret."""
        with delivery_faults(self.name, "read"):
            return self._found().value

    def _set(self, delivery: Delivery, found: _Found) -> None:
        attributes: Json = {"enabled": True}
        if delivery.expires_at is not None:
            attributes["exp"] = int(delivery.expires_at.timestamp())
        key = delivery.key
        body: Json = {**(found.kept or {}), "value": key.reveal(), "attributes": attributes}
        answer = self._vault.call("PUT", self._path("secrets"), body, hide=[key])
        if answer.status == CONFLICT:
            raise StoreRefusedError(_DELETED)
        self._vault.require_success(answer, _NEEDS)
        if f"/secrets/{self._secret}/".lower() not in answer.text("id").lower():
            raise StoreRefusedError("Azure Key Vault did not return the version of the secret")

    def _require_not_deleted(self) -> None:
        if not self._vault.call("GET", self._path("deletedsecrets")).refused:
            raise StoreRefusedError(_DELETED)

    def _found(self) -> _Found:
        answer = self._vault.call("GET", self._path("secrets"))
        if answer.status == NOT_FOUND and _code(answer) == "SecretNotFound":
            return _Found()
        if answer.status == FORBIDDEN and _code(answer) == "SecretDisabled":
            return _Found(exists=True, enabled=False)
        if answer.status == FORBIDDEN and _code(answer) in _NO_RIGHT:
            return _Found(may_read=False)
        self._vault.require_success(answer, _NEEDS)
        value, attributes = answer.text("value"), answer.member("attributes")
        enabled = not (isinstance(attributes, dict) and attributes.get("enabled") is False)
        members = {name: answer.member(name) for name in ("contentType", "tags")}
        kept = {name: member for name, member in members.items() if member is not None}
        return _Found(Secret(value) if value else None, exists=True, enabled=enabled, kept=kept)

    def _path(self, collection: str) -> str:
        return join_path(collection, self._secret) + _VERSION


def _code(answer: Answer) -> str:
    """Return what a refusal is called: the innermost name that the vault gives."""
    error = answer.member("error")
    about = error if isinstance(error, dict) else {}
    inner = about.get("innererror")
    named = inner.get("code") if isinstance(inner, dict) else None
    return str(named or about.get("code") or "")


def _error_text(answer: Answer) -> str:
    error = answer.member("error")
    reason = str(error.get("message") or "") if isinstance(error, dict) else ""
    return ": ".join(filter(None, (_code(answer), reason)))


def _access(vault: str) -> Access:
    return Access(
        store="Azure Key Vault",
        address=ADDRESS,
        token="AZURE_CLIENT_SECRET",  # noqa: S106 - a variable's name
        token_hint="a client secret of the application",  # noqa: S106 - a description
        error_text=_error_text,
        default_url=f"https://{vault}.vault.azure.net",
        denied_statuses=(UNAUTHORIZED, FORBIDDEN),
    )
