"""Azure DevOps with variable groups of one project, and a variable in one of them.

Held to the published description (``tests/data/azure_devops_api.json``).
"""

import base64
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from support.providers.described import DescribedStandIn, RefusedError
from support.providers.exchange import Call, Reply
from support.providers.stores import NAME, NEIGHBOUR, StoreHarness
from support.tls import Certificate

ORGANIZATION, PROJECT, GROUP = "acme", "Release Builds", "signing"


@dataclass
class Token:
    """What a token may do with the variable groups of the project."""

    read: bool = True
    manage: bool = True


class AzureDevops(DescribedStandIn):
    """One organization with one project. A group's secret variables have their values here."""

    description = Path(__file__).parents[2] / "data" / "azure_devops_api.json"

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.tokens: dict[str, Token] = {}
        self.groups: dict[int, dict[str, Any]] = {}
        self._changes = 0

    def add_group(self, name: str, variables: dict[str, dict[str, Any]], kind: str = "Vsts") -> int:
        """Make a group, as somebody did in the library."""
        identity = len(self.groups) + 1
        reference = {
            "name": name,
            "description": "of the project",
            "projectReference": {"id": "5bc5a5a0-0000-0000-0000-000000000001", "name": PROJECT},
        }
        self.groups[identity] = {
            "id": identity,
            "name": name,
            "description": "for builds",
            "type": kind,
            "providerData": None,
            "isShared": False,
            "variables": variables,
            "variableGroupProjectReferences": [reference],
            "modifiedOn": self._moment(),
        }
        return identity

    def serve(self, call: Call, body: Any) -> Reply:
        """See ``DescribedStandIn``."""
        token = self._token(call)
        if call.query.get("api-version") != "7.1":
            raise _refused(400, "The requested REST API version is out of range.")
        if call.segments[0] != ORGANIZATION:
            raise _refused(404, "The organization does not exist.")
        if call.method == "GET":
            return self._list(call, token)
        return self._update(int(call.segments[-1]), token, body)

    def _token(self, call: Call) -> Token:
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        user, _, secret = base64.b64decode(text).decode().partition(":")
        if call.headers.get("x-tfs-fedauthredirect") != "Suppress":
            self.violation(f"{call.method} {call.route}: a redirect to the sign-in page is risked")
        if scheme != "Basic" or user or secret not in self.tokens:
            raise _refused(401, "TF400813: The user is not authorized to access this resource.")
        return self.tokens[secret]

    def _list(self, call: Call, token: Token) -> Reply:
        if call.segments[1] != PROJECT:
            raise _refused(404, f"TF200016: The project does not exist: {call.segments[1]}.")
        if not token.read:
            raise _refused(403, "The token has no scope that allows to read variable groups.")
        wanted = call.query["groupName"].casefold()
        may = token.manage or call.query.get("actionFilter") != "manage"
        found = [
            self._shown(each)
            for each in self.groups.values()
            if may and each["name"].casefold().startswith(wanted)  # a client must compare itself
        ]
        return Reply(200, {"count": len(found), "value": found})

    def _update(self, identity: int, token: Token, body: dict[str, Any]) -> Reply:
        group = self.groups.get(identity)
        if group is None or not token.manage:
            raise _refused(403, "You do not have permissions to perform this operation.")
        if not body.get("variableGroupProjectReferences"):
            raise _refused(401, "Project references are missing.")
        before = {name.casefold(): each for name, each in group["variables"].items()}
        after = {}
        for name, sent in body["variables"].items():
            kept = before.get(name.casefold(), {}).get("value")
            unsent = sent.get("isSecret") and sent.get("value") is None
            after[name] = sent | {"value": kept} if unsent else sent
        empty = {"description": None, "providerData": None}
        group.update({**empty, **body, "variables": after, "modifiedOn": self._moment()})
        return Reply(200, self._shown(group))

    def _shown(self, group: dict[str, Any]) -> dict[str, Any]:
        variables = {
            name: each | {"value": None} if each.get("isSecret") else each
            for name, each in group["variables"].items()
        }
        return group | {"variables": variables}

    def _moment(self) -> str:
        self._changes += 1
        moment = self.now() + timedelta(milliseconds=self._changes)
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}7Z"


class AzureDevopsHarness(StoreHarness[AzureDevops]):
    """A secret variable beside another one, and one that everybody sees."""

    readable = False
    token_variable = "AZURE_DEVOPS_EXT_PAT"
    address_variable = "SYSTEM_COLLECTIONURI"
    text = f"azure-devops-var:{GROUP}/{NAME},project={PROJECT}"

    def __init__(
        self, _: Path | None = None, *, new: bool = False, tls: Certificate | None = None
    ) -> None:
        server = AzureDevops(tls=tls)
        server.add_group(f"{GROUP}-tests", {NAME: {"value": NEIGHBOUR, "isSecret": True}})
        self.group = server.add_group(
            GROUP,
            {
                "PASSWORD": {"value": NEIGHBOUR, "isSecret": True},
                "Colour": {"value": "red", "isReadOnly": True},
            },
        )
        super().__init__(server, "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst", new=new)

    @property
    def header_token(self) -> str:
        """See ``StoreHarness``."""
        return base64.b64encode(f":{self.token}".encode()).decode()

    @property
    def environ(self) -> dict[str, str]:
        """See ``StoreHarness``."""
        address = f"{self.server.url}/{ORGANIZATION}/"
        return {"SYSTEM_COLLECTIONURI": address, "AZURE_DEVOPS_EXT_PAT": self.token}

    def grant(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens[self.token] = Token()

    def revoke(self) -> None:
        """See ``StoreHarness``."""
        self.server.tokens.clear()

    def put(self, key: str) -> None:
        """See ``StoreHarness``."""
        self.variables[NAME] = {"value": key, "isSecret": True}

    @property
    def variables(self) -> dict[str, dict[str, Any]]:
        """The variables of the group, with the values of secrets."""
        found: dict[str, dict[str, Any]] = self.server.groups[self.group]["variables"]
        return found

    def held(self) -> Any:
        """See ``StoreHarness``."""
        if NAME not in self.variables:
            return None
        group = self.server.groups[self.group]
        return {name: group[name] for name in sorted(group) if name != "modifiedOn"}

    def read(self) -> str:
        """See ``StoreHarness``."""
        value: str = self.variables[NAME]["value"]
        return value


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"message": message, "typeKey": "Exception", "errorCode": 0})
