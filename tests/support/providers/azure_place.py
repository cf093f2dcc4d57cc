"""A secret of Azure Key Vault, and an application that may write it."""

from pathlib import Path
from typing import Any

from support.providers.azure_key_vault import APPLICATION, TENANT, AzureKeyVault
from support.providers.stores import StoreHarness
from support.tls import Certificate

NAME = "signotaur-key"


class AzureKeyVaultHarness(StoreHarness[AzureKeyVault]):
    """The secret has a content type and a tag. The application has a client secret."""

    readable = True
    text = f"azure-key-vault:ci-vault/{NAME}"
    token_variable = "AZURE_CLIENT_SECRET"
    address_variable = "AZURE_KEY_VAULT_URL"

    def __init__(
        self, _: Path | None = None, *, new: bool = False, tls: Certificate | None = None
    ) -> None:
        super().__init__(AzureKeyVault(tls=tls), "Abc8Q~client-secret-AAAAAAAAAAAAAAAA", new=new)

    @property
    def environ(self) -> dict[str, str]:
        """See ``StoreHarness``."""
        return {
            "AZURE_KEY_VAULT_URL": self.server.url,
            "AZURE_AUTHORITY_HOST": self.server.url,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": APPLICATION,
            "AZURE_CLIENT_SECRET": self.token,
        }

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.client_secrets.add(self.token)

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.client_secrets.clear()
        self.server.tokens.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        self.server.put(NAME, key, contentType="text/plain", tags={"team": "release"})

    def held(self) -> Any:
        """See ``StoreHarness``."""
        found = self.server.newest(NAME)
        return found and {name: found.get(name) for name in ("value", "contentType", "tags")}

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()["value"]
        return value
