"""CircleCI with one context and one project, and a variable in one of them.

Held to the published description (``tests/data/circleci_api.json``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.providers.described import DescribedStandIn, RefusedError
from support.providers.exchange import Call, Reply
from support.providers.stores import NAME, StoreHarness
from support.tls import Certificate

CONTEXT = "00000000-0000-4000-8000-00000000000c"
PROJECT = "gh/acme/app"


@dataclass(frozen=True)
class Token:
    """What a token may do with the variables."""

    read: bool = True
    write: bool = True


class Circleci(DescribedStandIn):
    """Variables of the context, with their times of change, and of the project."""

    description = Path(__file__).parents[2] / "data" / "circleci_api.json"

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.tokens: dict[str, Token] = {}
        self.in_context: dict[str, dict[str, str]] = {}
        self.in_project: dict[str, str] = {}
        self.page = 20

    def serve(self, call: Call, body: Any) -> Reply:
        """See ``DescribedStandIn``."""
        token = self.tokens.get(call.headers.get("circle-token", ""))
        if token is None:
            raise _refused(401, "You must log in first.")
        _, _, kind, *rest = call.segments
        if kind == "context":
            return self._context(call, token, rest, body)
        return self._project(call, token, rest, body)

    def set_in_context(self, name: str, value: str) -> dict[str, str]:
        """Set a variable of the context, and return it."""
        now = f"{self.now():%Y-%m-%dT%H:%M:%S.000Z}"
        made = self.in_context.get(name, {}).get("created_at", now)
        times = {"created_at": made, "updated_at": now, "context_id": CONTEXT}
        self.in_context[name] = {"variable": name, "value": value, **times}
        return self.in_context[name]

    def _context(self, call: Call, token: Token, rest: list[str], body: Any) -> Reply:
        if rest[0] != CONTEXT or not token.read:
            raise _refused(404, "Context not found.")
        if call.method == "PUT":
            if not token.write:
                raise _refused(403, "Permission denied.")
            return Reply(200, _hidden(self.set_in_context(rest[2], body["value"])))
        begin = int(call.query.get("page-token", "page-0").removeprefix("page-"))
        variables = list(self.in_context.values())
        more = len(variables) > begin + self.page
        shown = [_hidden(each) for each in variables[begin : begin + self.page]]
        return Reply(
            200, {"items": shown, "next_page_token": f"page-{begin + self.page}" if more else None}
        )

    def _project(self, call: Call, token: Token, rest: list[str], body: Any) -> Reply:
        if "/".join(rest[:3]) != PROJECT or not token.read:
            raise _refused(404, "Project not found.")
        if call.method == "POST":
            if not token.write:
                raise _refused(403, "Permission denied.")
            self.in_project[body["name"]] = body["value"]
            return Reply(201, _masked(body["name"], body["value"]))
        if len(rest) == 3:
            return Reply(200, {"slug": PROJECT, "name": "app"})
        if rest[4] not in self.in_project:
            raise _refused(404, "Environment variable not found.")
        return Reply(200, _masked(rest[4], self.in_project[rest[4]]))


class CircleciHarness(StoreHarness[Circleci]):
    """A variable of the context, or of the project."""

    readable = False
    token_variable = "CIRCLECI_CLI_TOKEN"
    address_variable = "CIRCLECI_CLI_HOST"

    def __init__(
        self,
        _: Path | None = None,
        *,
        new: bool = False,
        project: bool = False,
        tls: Certificate | None = None,
    ) -> None:
        self.project = project
        where = f"project={PROJECT}" if project else f"context={CONTEXT}"
        self.text = f"circleci-env:{NAME},{where}"
        super().__init__(Circleci(tls=tls), "CCIPAT_AAAAAAAAAAAAAAAAAAAAAA", new=new)

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens[self.token] = Token()

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        if self.project:
            self.server.in_project[NAME] = key
        else:
            self.server.set_in_context(NAME, key)

    def held(self) -> Any:
        """See ``StoreHarness``."""
        if self.project:
            return self.server.in_project.get(NAME)
        found = self.server.in_context.get(NAME)
        return found and {name: found[name] for name in ("variable", "value", "created_at")}

    def read(self) -> str:
        """See ``StoreHarness``."""
        held = self.held()
        value: str = held if self.project else held["value"]
        return value


def _hidden(variable: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in variable.items() if name != "value"}


def _masked(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": f"xxxx{value[-4:]}"}


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"message": message})
