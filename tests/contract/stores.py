"""What stands behind the sinks of stores and programs, as its owner sees it."""

from abc import ABC, abstractmethod
from datetime import timedelta
from pathlib import Path
from typing import Self

from support.providers.buildkite import Buildkite
from support.providers.github import GitHub
from support.providers.gitlab import GitLab
from support.providers.standin import StandIn
from support.providers.vault import Vault

SECRET = "SIGNOTAUR_API_KEY"
OLDER = "the-older-key-0123456789"


class Served(ABC):
    """A service that holds an older key, and a token that may write it."""

    server: StandIn

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *how: object) -> None:
        self.server.__exit__(*how)  # type: ignore[arg-type]

    @property
    @abstractmethod
    def environ(self) -> dict[str, str]:
        """See ``place.Store``."""

    @abstractmethod
    def grant(self) -> None:
        """Let the token write."""

    @abstractmethod
    def revoke(self) -> None:
        """Forget the token."""

    @abstractmethod
    def key(self) -> str:
        """Return the key as those who may use it get it."""

    def held(self) -> object:
        """See ``place.Store``."""
        return self.key()


class GithubStore(Served):
    """GitHub, with the key as a secret in one place."""

    TOKEN = "a-token-of-github"
    PERMISSIONS = (
        "secrets",
        "environments",
        "dependabot_secrets",
        "codespaces_secrets",
        "organization_secrets",
    )

    def __init__(self, _: Path, *, store: str, scope: str) -> None:
        self.server = self.github = GitHub()
        self._at = (store, scope, SECRET)
        self.github.add_repository("acme/product", environments=["production/eu"])
        self.github.add_organization("acme")
        self.grant()
        # Long ago: a second delivery within a second of the first one looks like none.
        self.github.clock_offset = timedelta(hours=-1)
        self.github.put_secret(*self._at, OLDER, visibility="private")
        self.github.clock_offset = timedelta(0)

    @property
    def environ(self) -> dict[str, str]:
        """See ``place.Store``."""
        return {
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": "acme/product",
            "GH_TOKEN": self.TOKEN,
        }

    def grant(self) -> None:
        """See ``Served``."""
        self.github.add_token(self.TOKEN, permissions=dict.fromkeys(self.PERMISSIONS, "write"))

    def revoke(self) -> None:
        """See ``Served``."""
        self.github.remove_token(self.TOKEN)

    def key(self) -> str:
        """See ``Served``. Opened with GitHub's private key."""
        return str(self.github.secret(*self._at))

    def held(self) -> object:
        """See ``place.Store``."""
        return self.key(), self.github.visibility(*self._at)


class GitlabStore(Served):
    """GitLab, with the key as a masked variable of a project."""

    def __init__(self, _: Path) -> None:
        self.server = self.gitlab = GitLab()
        self.grant()
        self.gitlab.set_variable("acme/app", SECRET, OLDER, masked=True, raw=True)

    @property
    def environ(self) -> dict[str, str]:
        """See ``place.Store``."""
        return {
            "CI_API_V4_URL": self.gitlab.api,
            "CI_PROJECT_ID": "7",
            "GITLAB_TOKEN": "glpat-AAAAAAAAAAAAAAAAAAAA",
        }

    def grant(self) -> None:
        """See ``Served``."""
        self.gitlab.add_token()

    def revoke(self) -> None:
        """See ``Served``."""
        self.gitlab.tokens.clear()

    def key(self) -> str:
        """See ``Served``."""
        return str(self.gitlab.variable("acme/app", SECRET)["value"])

    def held(self) -> object:
        """See ``place.Store``."""
        return self.gitlab.variable("acme/app", SECRET)


class VaultStore(Served):
    """Vault, with the key as a field of a secret that has another one."""

    TOKEN = "hvs.AAAAAAAAAAAAAAAAAAAAAAAA"

    def __init__(self, _: Path) -> None:
        self.server = self.vault = Vault()
        self.grant()
        self.vault.put_secret("secret", "ci/signing", {"key": OLDER, "other": "stays"})

    @property
    def environ(self) -> dict[str, str]:
        """See ``place.Store``."""
        return {"VAULT_ADDR": self.vault.url, "VAULT_TOKEN": self.TOKEN}

    def grant(self) -> None:
        """See ``Served``."""
        rights = ("create", "read", "update")
        self.vault.add_token(self.TOKEN, {"secret/data/ci/signing": rights})

    def revoke(self) -> None:
        """See ``Served``."""
        del self.vault.tokens[self.TOKEN]

    def key(self) -> str:
        """See ``Served``."""
        return str((self.vault.secret("secret", "ci/signing") or {})["key"])

    def held(self) -> object:
        """See ``place.Store``."""
        return self.vault.secret("secret", "ci/signing")


class BuildkiteStore(Served):
    """Buildkite, with the key as a secret of a cluster."""

    def __init__(self, _: Path) -> None:
        self.server = self.buildkite = Buildkite()
        self.grant()
        self.buildkite.add_secret(SECRET, OLDER, description="stays")

    @property
    def environ(self) -> dict[str, str]:
        """See ``place.Store``."""
        return {
            "BUILDKITE_REST_API_ENDPOINT": self.buildkite.url,
            "BUILDKITE_CLUSTER_ID": self.buildkite.cluster,
            "BUILDKITE_ORGANIZATION_SLUG": self.buildkite.organization,
            "BUILDKITE_API_TOKEN": "bkua_AAAAAAAAAAAAAAAAAAAA",
        }

    def grant(self) -> None:
        """See ``Served``."""
        self.buildkite.add_token()

    def revoke(self) -> None:
        """See ``Served``."""
        self.buildkite.tokens.clear()

    def key(self) -> str:
        """See ``Served``."""
        return str(self.buildkite.secret(SECRET)["value"])


class Program:
    """A program that keeps what it reads in a file, and fails while its switch is there."""

    TEXT = '#!/bin/sh\n[ -e "$0.fails" ] && { cat; exit 3; }\ncat >"$1.new" && mv "$1.new" "$1"\n'

    def __init__(self, folder: Path) -> None:
        self.path = folder.with_name("keep it")
        self.switch = folder.with_name("keep it.fails")
        self.path.write_text(self.TEXT)
        self.path.chmod(0o755)
        self._kept = folder / "destination"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def environ(self) -> dict[str, str]:
        """See ``place.Store``."""
        return {"PATH": "/usr/bin:/bin"}

    def held(self) -> str | None:
        """See ``place.Store``."""
        return self._kept.read_text() if self._kept.exists() else None
