"""Who may do what: tokens of GitHub, and what an operation demands of them.

Sources: "Permissions required for fine-grained personal access tokens", "Scopes for
OAuth apps" and "Troubleshooting the REST API" on docs.github.com.
"""

from dataclasses import dataclass, field
from typing import Literal

from support.providers.exchange import Call, Reply
from support.providers.github_bodies import refusal

Kind = Literal["fine-grained", "classic", "job"]

_LEVELS = ("none", "read", "write", "admin")


@dataclass(frozen=True)
class Token:
    """A token; ``repositories`` are those within its reach in lower case, None for all."""

    kind: Kind = "fine-grained"
    permissions: dict[str, str] = field(default_factory=dict)
    repositories: frozenset[str] | None = None
    scopes: tuple[str, ...] = ()
    ends: str = ""
    """When it expires, as GitHub writes it; empty: never."""

    def reaches(self, repository: str) -> bool:
        """Tell whether a repository ("owner/name") is within the token's reach."""
        return self.repositories is None or repository.lower() in self.repositories


@dataclass(frozen=True)
class Demand:
    """What an operation demands: a permission of newer tokens, a scope of classic ones."""

    permission: str
    level: str
    scope: str


# The part of a repository's path that decides, and the permission that goes with it.
_REPOSITORY = {
    "": "metadata",
    "actions": "secrets",
    "codespaces": "codespaces_secrets",
    "dependabot": "dependabot_secrets",
    # The page of each operation names this permission alone. An older list names
    # "secrets" beside it, so a careful user grants both.
    "environments": "environments",
    "issues": "issues",
}
_ORGANIZATION = {
    "actions": "organization_secrets",
    "codespaces": "organization_codespaces_secrets",
    "dependabot": "organization_dependabot_secrets",
}


def demand(call: Call, segments: list[str]) -> Demand:
    """Return what the call's operation demands."""
    level = "read" if call.method == "GET" else "write"
    if segments[0] == "orgs":
        return Demand(_ORGANIZATION[segments[2]], level, "admin:org")
    part = segments[3] if len(segments) > 3 else ""
    # Of those who only read a repository's Codespaces secrets, the list demands "write" too.
    level = "write" if part == "codespaces" else level
    return Demand(_REPOSITORY.get(part, "administration"), level, "repo")


def refused(token: Token, needed: Demand) -> Reply | None:
    """Return GitHub's refusal, or None if the token suffices."""
    if token.kind == "classic":
        if needed.scope in token.scopes:
            return None
        # Whoever lacks a scope is not told that there is something to see.
        return refusal(404, "Not Found")
    # Every fine-grained token may read metadata: that cannot be taken away.
    granted = "read" if needed.permission == "metadata" else "none"
    granted = token.permissions.get(needed.permission, granted)
    # No permission of a workflow lets its own token touch secrets.
    barred = token.kind == "job" and needed.permission not in ("issues", "metadata")
    if not barred and _LEVELS.index(granted) >= _LEVELS.index(needed.level):
        return None
    holder = "integration" if token.kind == "job" else "personal access token"
    reply = refusal(403, f"Resource not accessible by {holder}")
    reply.headers["X-Accepted-GitHub-Permissions"] = f"{needed.permission}={needed.level}"
    return reply


def token_headers(token: Token, needed: Demand | None) -> dict[str, str]:
    """Return what GitHub tells the holder of a token with every answer."""
    ends = {"GitHub-Authentication-Token-Expiration": token.ends} if token.ends else {}
    if token.kind != "classic":
        return ends
    accepted = needed.scope if needed else ""
    return ends | {"X-OAuth-Scopes": ", ".join(token.scopes), "X-Accepted-OAuth-Scopes": accepted}
