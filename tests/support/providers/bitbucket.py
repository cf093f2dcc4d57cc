"""Bitbucket with variables of a workspace, a repository and its environments, and one of them.

Held to the published description (``tests/data/bitbucket_api.json``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from support.providers.described import DescribedStandIn, RefusedError
from support.providers.exchange import Call, Reply
from support.providers.stores import NAME, StoreHarness
from support.tls import Certificate

WORKSPACE, REPOSITORY, DEPLOYMENT = "acme", "acme/app", "Production EU"
_ENVIRONMENT = f"{{{UUID(int=7)}}}"


@dataclass(frozen=True)
class Token:
    """What a token may do with variables."""

    read: bool = True
    write: bool = True


class Bitbucket(DescribedStandIn):
    """Variables by owner: a workspace, a repository, or a repository with ``:`` and a name."""

    description = Path(__file__).parents[2] / "data" / "bitbucket_api.json"

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.tokens: dict[str, Token] = {}
        self.variables: dict[str, list[dict[str, Any]]] = {
            WORKSPACE: [], REPOSITORY: [], f"{REPOSITORY}:{DEPLOYMENT}": [],
        }  # fmt: skip
        self.page = 100

    def add(self, owner: str, key: str, value: str, *, secured: bool = True) -> dict[str, Any]:
        """Make a variable, as somebody did in the settings page."""
        kind = "deployment_variable" if ":" in owner else "pipeline_variable"
        made = {"type": kind, "uuid": f"{{{uuid4()}}}", "key": key, "value": value}
        self.variables[owner].append(made | {"secured": secured})
        return self.variables[owner][-1]

    def variable(self, owner: str, key: str) -> dict[str, Any] | None:
        """Return a variable with its value."""
        return next((each for each in self.variables[owner] if each["key"] == key), None)

    def serve(self, call: Call, body: Any) -> Reply:
        """See ``DescribedStandIn``."""
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        token = self.tokens.get(text)
        if scheme != "Bearer" or token is None:
            raise _refused(401, "Token is invalid, expired, or not supported for this endpoint.")
        _, kind, *rest = call.segments
        owner = "/".join(rest[:2]) if kind == "repositories" else rest[0]
        if owner not in self.variables:
            raise _refused(404, f"{owner} not found")
        needed = token.read if call.method == "GET" else token.write
        if not needed:
            raise _refused(403, "Your credentials lack one or more required privilege scopes.")
        action = rest[2:] if kind == "repositories" else rest[1:]
        if action == ["environments"]:
            named = {"type": "deployment_environment", "uuid": _ENVIRONMENT, "name": DEPLOYMENT}
            return self._page(call, [named | {"slug": "production-eu"}])
        if action[0] == "deployments_config":
            assert action[2] == _ENVIRONMENT
            owner = f"{owner}:{DEPLOYMENT}"
        return self._act(call, owner, action[-1], body)

    def _act(self, call: Call, owner: str, last: str, body: Any) -> Reply:
        if call.method == "GET":
            return self._page(call, [_shown(each) for each in self.variables[owner]])
        same = self.variable(owner, body["key"])
        if call.method == "POST":
            if same is not None:
                raise _refused(409, "A variable with the provided key already exists.")
            made = self.add(owner, body["key"], body["value"], secured=body.get("secured", False))
            return Reply(201, _shown(made))
        found = next((each for each in self.variables[owner] if each["uuid"] == last), None)
        if found is None:
            raise _refused(404, "The variable was not found.")
        found.update(body)
        return Reply(200, _shown(found))

    def _page(self, call: Call, entries: list[dict[str, Any]]) -> Reply:
        page, size = int(call.query["page"]), min(int(call.query["pagelen"]), self.page)
        shown = entries[(page - 1) * size : page * size]
        answer = {"values": shown, "page": page, "pagelen": size, "size": len(entries)}
        if len(entries) > page * size:
            answer["next"] = f"{self.url}{call.route}?page={page + 1}&pagelen={size}"
        return Reply(200, answer)


class BitbucketHarness(StoreHarness[Bitbucket]):
    """A secured variable of the repository, of an environment of it, or of the workspace."""

    readable = False
    token_variable = "BITBUCKET_ACCESS_TOKEN"
    address_variable = "BITBUCKET_API_URL"

    def __init__(
        self,
        _: Path | None = None,
        *,
        new: bool = False,
        owner: str = REPOSITORY,
        tls: Certificate | None = None,
    ) -> None:
        self.owner = owner
        repository, *deployment = owner.split(":")
        more = f",deployment={deployment[0]}" if deployment else ""
        where = f"repo={repository}{more}" if "/" in owner else f"workspace={owner}"
        self.text = f"bitbucket-var:{NAME},{where}"
        super().__init__(Bitbucket(tls=tls), "ATCTT3xFfGN0AAAAAAAAAAAAAAAAAAAA", new=new)

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens[self.token] = Token()

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        found = self.server.variable(self.owner, NAME)
        if found is None:
            self.server.add(self.owner, NAME, key)
        else:
            found["value"] = key

    def held(self) -> Any:
        """See ``StoreHarness``."""
        found = self.server.variable(self.owner, NAME)
        return found and dict(found)

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()["value"]
        return value


def _shown(variable: dict[str, Any]) -> dict[str, Any]:
    hidden = variable["secured"]
    return {name: each for name, each in variable.items() if not (hidden and name == "value")}


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"type": "error", "error": {"message": message}})
