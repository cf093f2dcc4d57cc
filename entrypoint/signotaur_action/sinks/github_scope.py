"""Whose secret a ``github-secret:`` names: a repository's, an environment's, an organization's."""

from collections.abc import Mapping
from dataclasses import dataclass

from signotaur_action.http.address import join_path
from signotaur_action.sinks.base import SinkError

KIND = "github-secret"
SETTINGS = ("repo", "env", "org", "visibility", "app")

_STORES = ("actions", "dependabot", "codespaces")
_VISIBILITIES = ("all", "private", "selected")


@dataclass(frozen=True)
class Scope:
    """The path of the secrets' API, the owner in words, and what a token needs."""

    parts: tuple[str, ...]
    owner: str
    permission: str
    """The permission of a fine-grained token or an app."""
    classic: str
    """The scope that a classic token needs."""

    @property
    def secrets(self) -> str:
        """The path of the secrets."""
        return join_path(*self.parts, "secrets")


def secret_scope(settings: Mapping[str, str], environ: Mapping[str, str]) -> Scope:
    """Return whose secret the settings name; this job's repository unless they say otherwise.

    Raises SinkError.
    """
    store = settings.get("app", _STORES[0])
    if store not in _STORES:
        raise SinkError(f"{KIND}: app= must be one of {', '.join(_STORES)}")
    if "org" in settings:
        return _organization(settings, store)
    if "visibility" in settings:
        raise SinkError(f"{KIND}: visibility= is only for a secret of an organization (org=)")
    return _repository(settings, environ, store)


def _organization(settings: Mapping[str, str], store: str) -> Scope:
    if "repo" in settings or "env" in settings:
        raise SinkError(f"{KIND}: org= cannot be used with repo= or env=")
    if settings.get("visibility", _VISIBILITIES[0]) not in _VISIBILITIES:
        raise SinkError(f"{KIND}: visibility= must be one of {', '.join(_VISIBILITIES)}")
    organization = settings["org"]
    return Scope(
        ("orgs", organization, store),
        f"organization {organization}{_in_words(store)}",
        f"Organization permissions: {_permission(store)}: write",
        "admin:org",
    )


def _repository(settings: Mapping[str, str], environ: Mapping[str, str], store: str) -> Scope:
    repository = settings.get("repo") or environ.get("GITHUB_REPOSITORY", "")
    owner, _, name = repository.partition("/")
    if not (owner and name) or "/" in name:
        raise SinkError(f"{KIND}: needs repo=OWNER/REPO outside a GitHub job")
    if "env" not in settings:
        permission = f"Repository permissions: {_permission(store)}: write"
        parts = ("repos", owner, name, store)
        return Scope(parts, f"{repository}{_in_words(store)}", permission, "repo")
    if store != _STORES[0]:
        raise SinkError(f"{KIND}: env= is only for secrets of Actions")
    environment = settings["env"]
    return Scope(
        ("repos", owner, name, "environments", environment),
        f"{repository}, environment {environment}",
        "Repository permissions: Environments: write, and an environment of this name",
        "repo",
    )


def _in_words(store: str) -> str:
    return "" if store == _STORES[0] else f" ({store})"


def _permission(store: str) -> str:
    return "Secrets" if store == _STORES[0] else f"{store.capitalize()} secrets"
