"""Gitea with secrets of its Actions, and a place there.

Held to the published description (``tests/data/gitea_api.json``); who may do what is as in
Gitea's routers/api/v1/api.go: all calls are for owners, and a token's scope limits the methods.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.providers.described import DescribedStandIn, RefusedError
from support.providers.exchange import Call, Reply
from support.providers.stores import NAME, StoreHarness
from support.tls import Certificate

ORGANIZATION, REPOSITORY = "acme", "acme/app"
_NAMES = re.compile("(?i)(?!(?:gitea|github|forgejo)_)[A-Z_][A-Z0-9_]*")
_LARGEST_PAGE = 50


@dataclass(frozen=True)
class Token:
    """A token's scopes; ``owner``: its user owns the organization."""

    scopes: tuple[str, ...] = ("write:repository", "write:organization")
    owner: bool = True


class Gitea(DescribedStandIn):
    """One organization with one repository. A secret: its value, and what the list shows of it."""

    description = Path(__file__).parents[2] / "data" / "gitea_api.json"

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.tokens: dict[str, Token] = {}
        self.secrets: dict[str, dict[str, dict[str, str]]] = {ORGANIZATION: {}, REPOSITORY: {}}
        self.page = _LARGEST_PAGE
        """How many entries the server gives at most."""

    def serve(self, call: Call, body: Any) -> Reply:
        """See ``DescribedStandIn``."""
        _, _, kind, *rest = call.segments
        owner, after = ("/".join(rest[:2]), rest[4:]) if kind == "repos" else (rest[0], rest[3:])
        self._authorize(call, "repository" if kind == "repos" else "organization")
        if owner not in self.secrets:
            raise RefusedError(404, {"message": "The target couldn't be found.", "errors": []})
        secrets = self.secrets[owner]
        if call.method == "GET":
            return self._list(call, list(secrets.values()))
        [name] = after
        if not _NAMES.fullmatch(name):
            raise RefusedError(400, {"message": "invalid secret name"})
        return self.put(secrets, name.upper(), body)

    def put(self, secrets: dict[str, dict[str, str]], name: str, body: dict[str, str]) -> Reply:
        """Set a secret. An update takes the description as it is sent, or none."""
        before = secrets.get(name)
        made = before["created_at"] if before else f"{self.now():%Y-%m-%dT%H:%M:%SZ}"
        described = {"description": body.get("description", ""), "created_at": made}
        secrets[name] = {"name": name, "data": body["data"], **described}
        return Reply(204 if before else 201)

    def _authorize(self, call: Call, category: str) -> None:
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        token = self.tokens.get(text)
        if scheme != "token" or token is None:
            raise RefusedError(401, {"message": "invalid username, password or token"})
        needed = "read" if call.method == "GET" else "write"
        if not {f"{needed}:{category}", f"write:{category}"} & set(token.scopes):
            said = f"token does not have at least one of required scope(s): [{needed}:{category}]"
            raise RefusedError(403, {"message": said})
        if not token.owner:
            raise RefusedError(403, {"message": "user should be the owner of the repo"})

    def _list(self, call: Call, secrets: list[dict[str, str]]) -> Reply:
        size = min(int(call.query["limit"]), self.page)
        page = int(call.query["page"])
        shown = [
            {name: text for name, text in each.items() if name != "data"}
            for each in secrets[(page - 1) * size : page * size]
        ]
        more = len(secrets) > page * size
        link = f'<{self.url}{call.route}?limit={size}&page={page + 1}>; rel="next"'
        return Reply(200, shown, {"Link": link} if more else {})


class GiteaHarness(StoreHarness[Gitea]):
    """A secret of the repository, or of the organization; it has a description."""

    readable = False
    token_variable = "GITEA_SERVER_TOKEN"
    address_variable = "GITEA_SERVER_URL"

    def __init__(
        self,
        _: Path | None = None,
        *,
        new: bool = False,
        owner: str = REPOSITORY,
        tls: Certificate | None = None,
    ) -> None:
        self.owner = owner
        self.text = f"gitea-secret:{owner}/{NAME}"
        super().__init__(Gitea(tls=tls), "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3", new=new)

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens[self.token] = Token()

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        secrets = self.server.secrets[self.owner]
        self.server.put(secrets, NAME, {"data": key, "description": "for signing"})

    def held(self) -> Any:
        """See ``StoreHarness``."""
        found = self.server.secrets[self.owner].get(NAME)
        return found and dict(found)

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()["data"]
        return value
