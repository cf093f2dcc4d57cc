"""A stand-in of GitHub's REST API that is as strict as GitHub's documents."""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from support.providers.exchange import Call, Reply
from support.providers.github_bodies import refusal, repository
from support.providers.github_issues import Issue, Issues
from support.providers.github_limits import Limits
from support.providers.github_secrets import STORES, Place, SecretStores
from support.providers.github_tokens import (
    Demand,
    Kind,
    Token,
    demand,
    refused,
    token_headers,
)
from support.providers.openapi import Description
from support.providers.standin import StandIn
from support.tls import Certificate

API_VERSION = "2022-11-28"
MEDIA_TYPE = "application/vnd.github+json"

# "Troubleshooting the REST API" and "Rate limits for the REST API" give these for every
# operation, so the description of most of them does not.
_GENERALLY = (400, 401, 403, 404, 422, 429)
_DESCRIPTION = Description(
    Path(__file__).parents[2] / "data" / "github_api.json", generally=_GENERALLY
)


class GitHub(StandIn):
    """GitHub, with the repositories, organizations and tokens that a test adds.

    With ``prefix="/api/v3"``, GitHub Enterprise Server; ``url`` is then the value of
    GITHUB_API_URL.
    """

    def __init__(self, *, prefix: str = "", tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.prefix = prefix
        self.url += prefix
        self.limits = Limits()
        self._secrets = SecretStores(self.now)
        self._tokens: dict[str, Token] = {}
        self._repositories: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._private: dict[str, bool] = {}
        self._environments: set[tuple[str, str]] = set()
        self._organizations: set[str] = set()
        self._issues: dict[str, Issues] = {}

    # What a test sets up

    def add_token(
        self,
        text: str,
        *,
        permissions: Mapping[str, str] | None = None,
        repositories: Iterable[str] | None = None,
        scopes: Iterable[str] | None = None,
        kind: Kind = "fine-grained",
        ends: str = "",
    ) -> str:
        """Make a token valid; one with ``scopes`` is a classic one. ``ends`` is sent as it is."""
        reach = None if repositories is None else frozenset(map(str.lower, repositories))
        kind = "classic" if scopes is not None else kind
        self._tokens[text] = Token(kind, dict(permissions or {}), reach, tuple(scopes or ()), ends)
        return text

    def remove_token(self, text: str) -> None:
        """Revoke a token."""
        del self._tokens[text]

    def add_repository(
        self, name: str, *, environments: Iterable[str] = (), private: bool = True
    ) -> int:
        """Add a repository "owner/name" and return its id."""
        key = name.lower()
        self._repositories[key] = 700_000_000 + len(self._repositories)
        self._names[key] = name
        self._private[key] = private
        self._issues[key] = Issues(name, self.now)
        self._environments |= {(key, each.lower()) for each in environments}
        return self._repositories[key]

    def add_organization(self, name: str) -> None:
        """Add an organization."""
        self._organizations.add(name.lower())

    @property
    def lag(self) -> int:
        """How many reads after a write still show a secret's old metadata."""
        return self._secrets.lag

    @lag.setter
    def lag(self, reads: int) -> None:
        self._secrets.lag = reads

    def rotate_public_key(self, store: str, scope: str) -> None:
        """Make the present key of a place stale."""
        with self.lock:
            self._secrets.rotate(_place(store, scope))

    def put_secret(
        self,
        store: str,
        scope: str,
        name: str,
        value: str,
        *,
        visibility: str = "all",
        selected: Iterable[int] = (),
    ) -> None:
        """Set a secret, as somebody else would."""
        with self.lock:
            self._secrets.keep(_place(store, scope), name, value, visibility, list(selected))

    def limit_primary(
        self, remaining: int, reset_in: float, *, status: Literal[403, 429] = 403
    ) -> None:
        """Leave ``remaining`` requests until the limit is reset, ``reset_in`` seconds from now."""
        self.limits.remaining, self.limits.status = remaining, status
        self.limits.reset = self.now() + timedelta(seconds=reset_in)

    def limit_secondary(
        self, retry_after: int | None, times: int = 1, *, status: Literal[403, 429] = 403
    ) -> None:
        """Refuse the next ``times`` requests as too fast, with or without ``Retry-After``."""
        self.limits.secondary += [(status, retry_after)] * times

    def disable_issues(self, name: str) -> None:
        """Switch a repository's issues off."""
        self._issues[name.lower()].disabled = True

    def add_issue(
        self,
        name: str,
        title: str,
        body: str | None = None,
        *,
        labels: Iterable[str] = (),
        pull_request: bool = False,
    ) -> Issue:
        """Add an issue, or a pull request, which is listed among the issues."""
        issues = self._issues[name.lower()]
        return issues.add(title, body, list(labels), pull_request=pull_request)

    # What a test looks at

    def secret(self, store: str, scope: str, name: str) -> str | None:
        """Return a secret's value as a job would see it."""
        with self.lock:
            found = self._secrets.secret(_place(store, scope), name)
            return found.value if found else None

    def visibility(self, store: str, scope: str, name: str) -> tuple[str, list[int]] | None:
        """Return who sees an organization's secret: the word, and the selected repositories."""
        with self.lock:
            found = self._secrets.secret(_place(store, scope), name)
            return (found.visibility, list(found.selected)) if found else None

    def all_issues(self, name: str) -> list[Issue]:
        """Return a repository's issues, without pull requests, oldest first."""
        return [each for each in self._issues[name.lower()].all if not each.pull_request]

    def open_issues(self, name: str) -> list[Issue]:
        """Return a repository's open issues, oldest first."""
        return [each for each in self.all_issues(name) if each.state == "open"]

    # What a client meets

    def handle(self, call: Call) -> Reply:
        """Answer a call, and hold it and its answer against the description."""
        sent, problem = _parsed(call)
        reply = problem or self._admitted(call, sent)
        path = call.path.removeprefix(self.prefix)
        if not call.path.startswith(self.prefix + "/"):
            self.violation(f"{call.method} {call.path} is not below {self.prefix}")
        for found in _DESCRIPTION.check(call.method, path, sent, reply.status, reply.body):
            self.violation(found)
        if MEDIA_TYPE not in call.headers.get("accept", ""):
            self.violation(f"{call.method} {call.path}: Accept is not {MEDIA_TYPE}")
        if call.headers.get("x-github-api-version") != API_VERSION:
            self.violation(f"{call.method} {call.path}: X-GitHub-Api-Version is not {API_VERSION}")
        reply.headers["X-GitHub-Request-Id"] = uuid4().hex
        return reply

    def _admitted(self, call: Call, sent: Any) -> Reply:
        if not call.headers.get("user-agent"):
            return refusal(
                403, "Request forbidden by administrative rules. A User-Agent is needed."
            )
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        token = self._tokens.get(text) if scheme.lower() in ("bearer", "token") else None
        if token is None:
            return refusal(401, "Bad credentials" if text else "Requires authentication")
        limited = self.limits.count(self.now())
        if limited:
            reply, seconds = limited
            self.must_wait(call, seconds)
            needed = None
        else:
            reply, needed = self._permitted(call, token, sent)
        reply.headers |= self.limits.headers(self.now()) | token_headers(token, needed)
        return reply

    def _permitted(self, call: Call, token: Token, sent: Any) -> tuple[Reply, Demand | None]:
        # The parts are decoded after the cut: a slash in a name must come as %2F.
        segments = call.segments[self.prefix.count("/") :]
        if call.route.endswith("/") or not self._within_reach(token, segments):
            return refusal(404, "Not Found"), None
        needed = demand(call, segments)
        return refused(token, needed) or self._work(call, segments, sent or {}), needed

    def _within_reach(self, token: Token, segments: list[str]) -> bool:
        match segments:
            case ["orgs", organization, store, "secrets", _, *_] if store in STORES:
                return organization.lower() in self._organizations
            case ["repos", owner, name, *_]:
                key = f"{owner}/{name}".lower()
                return key in self._repositories and token.reaches(key)
        return False

    def _work(self, call: Call, segments: list[str], sent: dict[str, Any]) -> Reply:
        match segments:
            case ["orgs", organization, store, "secrets", name, *rest]:
                place = _place(store, f"orgs/{organization}")
                return self._secret(call, place, name, rest, sent)
            case ["repos", owner, repo]:
                return Reply(200, self._described(f"{owner}/{repo}".lower()))
            case ["repos", owner, repo, "issues", *rest]:
                issues = self._issues[f"{owner}/{repo}".lower()]
                return issues.handle(call, rest, sent, self.url)
            case ["repos", owner, repo, store, "secrets", name] if store in STORES:
                place = _place(store, f"repos/{owner}/{repo}")
                return self._secret(call, place, name, [], sent)
            case ["repos", owner, repo, "environments", environment, "secrets", name]:
                if (f"{owner}/{repo}".lower(), environment.lower()) in self._environments:
                    scope = f"repos/{owner}/{repo}/environments/{environment}"
                    return self._secret(call, _place("actions", scope), name, [], sent)
        return refusal(404, "Not Found")

    def _secret(
        self, call: Call, place: Place, name: str, rest: list[str], sent: dict[str, Any]
    ) -> Reply:
        match call.method, name, rest:
            case "GET", "public-key", []:
                return self._secrets.public_key(place)
            case "GET", _, []:
                return self._secrets.metadata(place, name, self.url)
            case "PUT", _, []:
                return self._secrets.put(place, name, sent, set(self._repositories.values()))
            case "GET", _, ["repositories"] if found := self._secrets.secret(place, name):
                return self._selected(call, found.selected)
        return refusal(404, "Not Found")

    def _selected(self, call: Call, identities: list[int]) -> Reply:
        chosen = [key for key, each in self._repositories.items() if each in identities]
        size = min(int(call.query.get("per_page", "30")), 100)
        first = (int(call.query.get("page", "1")) - 1) * size
        here = [self._described(key) for key in chosen[first : first + size]]
        return Reply(200, {"total_count": len(chosen), "repositories": here})

    def _described(self, key: str) -> dict[str, Any]:
        identity, private = self._repositories[key], self._private[key]
        return repository(identity, self._names[key], self.url, private=private)


def _place(store: str, scope: str) -> Place:
    return store, scope.lower()


def _parsed(call: Call) -> tuple[Any, Reply | None]:
    """Return the body, or how GitHub refuses it ("Troubleshooting the REST API")."""
    if not call.body:
        return None, None
    try:
        body = json.loads(call.body)
    except ValueError:
        return None, refusal(400, "Problems parsing JSON")
    if not isinstance(body, dict):
        return body, refusal(400, "Body should be a JSON object")
    return body, None
