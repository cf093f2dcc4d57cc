"""GitHub with one secret for a key, and a token that may write it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from support.providers.github import GitHub
from support.providers.stores import NAME, StoreHarness

REPOSITORY = "acme/product"
_PERMISSIONS = (
    "secrets",
    "environments",
    "dependabot_secrets",
    "codespaces_secrets",
    "organization_secrets",
)


class GithubHarness(StoreHarness[GitHub]):
    """A secret of ``scope``; ``settings`` name it for the sink, else it is the job's repository."""

    readable = False
    token_variable = "GH_TOKEN"
    address_variable = "GITHUB_API_URL"

    def __init__(
        self,
        _: Path | None = None,
        *,
        new: bool = False,
        settings: str = "",
        store: str = "actions",
        scope: str = f"repos/{REPOSITORY}",
    ) -> None:
        self.text = f"github-secret:{NAME}{settings}"
        self._at = (store, scope, NAME)
        server = GitHub()
        server.add_repository(REPOSITORY, environments=["production/eu", "signing"])
        server.add_organization("acme")
        super().__init__(server, "github_pat_11AAAAAAAAAAAAAAAAAAAA", new=new)

    @property
    def environ(self) -> dict[str, str]:
        """See ``StoreHarness``."""
        return {
            "GITHUB_API_URL": self.server.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GH_TOKEN": self.token,
        }

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.add_token(self.token, permissions=dict.fromkeys(_PERMISSIONS, "write"))

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.remove_token(self.token)

    def put(self, key: str) -> None:
        """See ``StoreHarness``. Long ago: two changes within a second look like none."""
        self.server.clock_offset = timedelta(hours=-1)
        self.server.put_secret(*self._at, key, visibility="private")
        self.server.clock_offset = timedelta(0)

    def held(self) -> Any:
        """See ``StoreHarness``."""
        return self.server.secret(*self._at), self.server.visibility(*self._at)

    def read(self) -> str:
        """See ``StoreHarness``. Opened with GitHub's private key."""
        return str(self.server.secret(*self._at))
