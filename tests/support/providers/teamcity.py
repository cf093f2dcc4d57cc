"""TeamCity with parameters of its projects, and a parameter of one of them.

Held to the published description (``tests/data/teamcity_api.json``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from support.providers.described import DescribedStandIn, RefusedError
from support.providers.exchange import Call, Reply
from support.providers.stores import NAME, StoreHarness
from support.tls import Certificate

PROJECT = "SigningProject"


@dataclass(frozen=True)
class Token:
    """What a token may do with the projects."""

    view: bool = True
    edit: bool = True


@dataclass
class Project:
    """A project: its parameters with their values, and those that it inherits."""

    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    inherited: dict[str, dict[str, Any]] = field(default_factory=dict)


class Teamcity(DescribedStandIn):
    """One server. The value of a password is in no answer."""

    description = Path(__file__).parents[2] / "data" / "teamcity_api.json"

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.tokens: dict[str, Token] = {}
        self.projects = {PROJECT: Project()}

    def serve(self, call: Call, body: Any) -> Reply:
        """See ``DescribedStandIn``."""
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        token = self.tokens.get(text)
        if scheme != "Bearer" or token is None:
            raise _refused(401, "Incorrect username or password.")
        if call.headers.get("accept") != "application/json":
            self.violation(f"{call.method} {call.route}: the value alone would be the answer")
        locator, *rest = call.segments[3:]
        project = self.projects.get(locator.removeprefix("id:"))
        if project is None or not token.view:
            raise _refused(404, f"No project found by locator '{locator}'.")
        if not rest:
            return Reply(200, {"id": locator.removeprefix("id:")})
        name = rest[1]
        if call.method == "PUT":
            if not token.edit:
                raise _refused(403, 'You do not have "Edit project" permission in project.')
            project.parameters[name] = dict(body)
            return Reply(200, _shown(body))
        if name in project.parameters:
            return Reply(200, _shown(project.parameters[name]))
        if name in project.inherited:
            return Reply(200, _shown(project.inherited[name]) | {"inherited": True})
        raise _refused(404, f"No parameter with name '{name}' is found.")


class TeamcityHarness(StoreHarness[Teamcity]):
    """A parameter of type password, with a label."""

    readable = False
    text = f"teamcity-param:{NAME},project={PROJECT}"
    token_variable = "TEAMCITY_TOKEN"
    address_variable = "TEAMCITY_URL"
    refusal: ClassVar[Mapping[str, Any]] = {"errors": [{"message": "not now"}]}

    def __init__(
        self, _: Path | None = None, *, new: bool = False, tls: Certificate | None = None
    ) -> None:
        super().__init__(Teamcity(tls=tls), "eyJ0eXAiOiAiVENWMiJ9.AAAAAAAAAAAAAAAA", new=new)

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens[self.token] = Token()

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens.clear()

    @property
    def project(self) -> Project:
        """The project that has the parameter."""
        return self.server.projects[PROJECT]

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        kind = {"rawValue": "password label='Key' display='hidden'"}
        self.project.parameters[NAME] = {"name": NAME, "value": key, "type": kind}

    def held(self) -> Any:
        """See ``StoreHarness``."""
        return self.project.parameters.get(NAME)

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.held()["value"]
        return value


def _shown(parameter: dict[str, Any]) -> dict[str, Any]:
    hidden = parameter.get("type", {}).get("rawValue", "").startswith("password")
    return {name: each for name, each in parameter.items() if not (hidden and name == "value")}


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"errors": [{"message": message, "statusText": "Refused"}]})
