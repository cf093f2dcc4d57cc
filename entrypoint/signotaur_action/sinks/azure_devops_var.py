"""The key as a secret variable of a variable group of Azure DevOps.

https://learn.microsoft.com/rest/api/azure/devops/distributedtask/variablegroups. Only a whole group
can be written: what was read is sent again. The value of a secret variable is never shown; where
null is sent for it, Azure DevOps keeps it. A delivery is proved by the group's time of change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from signotaur_action.http import Answer, BasicCredential
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.members import require_writable
from signotaur_action.sinks.stores.store import Access, Store, collect_faults, token_of
from signotaur_wire.members import Json

KIND = "azure-devops-var"
_SETTINGS = ("project",)
_NAME = r"[A-Za-z0-9_.-]{1,255}"
_TEXT = r"[^/\\*?,=\x00-\x1f]{1,128}"
_VERSION = {"api-version": "7.1"}
_GROUPS = ("_apis", "distributedtask", "variablegroups")
_NEEDS = "the scope Variable Groups (read, create and manage), and the group's role Administrator"
_NEXT = (
    "Fix the problem above, or set AZURE_DEVOPS_EXT_PAT to a token that may manage the variable "
    "group, then run the command again."
)
_KEPT = ("name", "description", "type", "providerData", "variableGroupProjectReferences")
"""What a group would lose, besides its variables, if it were not sent."""

Variables = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class _Place:
    """Which variable of which group."""

    variable: str
    group: str
    project: str

    def list_path(self, **more: str) -> str:
        query = urlencode({"groupName": self.group, **more, **_VERSION})
        return f"{join_path(self.project, *_GROUPS)}?{query}"


class AzureDevopsVarSink:
    """``azure-devops-var:GROUP/NAME`` with ``project=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._devops = collect_faults(
            lambda: _place(argument, context.environ),
            lambda: Store(
                KIND, _ACCESS, context, BasicCredential("", token_of(KIND, _ACCESS, context))
            ),
        )
        place = self._place
        self.name = (
            f"Azure DevOps variable {place.variable} of group {place.group}, "
            f"project {place.project}"
        )

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Azure DevOps lists the groups that the token may manage."""
        with check_faults(self.name, _NEXT):
            group = self._group()
            if self._listed(actionFilter="manage") is None:
                raise StoreRefusedError(f"the token may not manage the group: it needs {_NEEDS}")
        name = self._name_in(group)
        if name not in _variables(group):
            return [f"{self.name} does not exist yet; it will be created as a secret."]
        if _variables(group)[name].get("isSecret") is not True:
            return [f"{self.name} is not a secret yet; it will be."]
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            group = self._group()
            name = self._name_in(group)
            written = self._put(delivery.key, name, group)
            self._prove(name, group, written)

    def read_back(self) -> None:
        """See ``ports.Sink``. Azure DevOps never gives a secret variable back."""

    # The group

    def _group(self) -> Answer:
        """Return the group, as one answer. Raises StoreRefusedError where there is none."""
        group = self._listed()
        if group is None:
            raise StoreRefusedError("the project has no variable group of this name; create it")
        if group.text("type") != "Vsts":
            raise StoreRefusedError(
                "the group takes its variables from a key vault; deliver to azure-key-vault:"
            )
        require_writable({each: group.member(each) for each in (*_KEPT, "variables")})
        return group

    def _listed(self, **more: str) -> Answer | None:
        answer = self._require_success(self._devops.call("GET", self._place.list_path(**more)))
        groups = answer.member("value")
        if not (isinstance(groups, list) and all(isinstance(each, dict) for each in groups)):
            raise StoreRefusedError("Azure DevOps does not list the variable groups")
        wanted = self._place.group.casefold()
        found = [each for each in groups if str(each.get("name")).casefold() == wanted]
        return _answer_of(answer, found[0]) if found else None

    def _name_in(self, group: Answer) -> str:
        """Return the variable's name as the group spells it: case makes no difference there."""
        wanted = self._place.variable.casefold()
        same = [name for name in _variables(group) if name.casefold() == wanted]
        return same[0] if same else self._place.variable

    # The delivery

    def _put(self, key: Secret, name: str, group: Answer) -> Answer:
        before = _variables(group)
        own = {**before.get(name, {}), "value": key.reveal(), "isSecret": True}
        kept = {each: group.member(each) for each in _KEPT if group.member(each) is not None}
        body: Json = {**kept, "variables": {**before, name: own}}
        path = f"{join_path(*_GROUPS, str(_id(group)))}?{urlencode(_VERSION)}"
        answer = self._devops.call("PUT", path, body, hide=[key])
        return _answer_of(self._require_success(answer), answer.document)

    def _prove(self, name: str, before: Answer, written: Answer) -> None:
        shown = self._group()
        changed, known = written.moment("modifiedOn"), shown.moment("modifiedOn")
        if written.member("id") != before.member("id") or changed is None:
            raise StoreRefusedError(
                "Azure DevOps answered, but does not say that the group changed"
            )
        if known is None or known < changed or not _is_secret(shown, name):
            raise StoreRefusedError(
                "Azure DevOps accepted the key, but does not show the variable as changed"
            )
        after = _variables(written)
        others = [each for each in _variables(before) if each != name]
        if any(after.get(each) != _variables(before)[each] for each in others):
            # Which ones is not said: their names are the store's text.
            raise StoreRefusedError(
                "Azure DevOps accepted the key, but changed other variables of the group"
            )

    def _require_success(self, answer: Answer) -> Answer:
        return self._devops.require_success(answer, _NEEDS)


def _place(argument: str, environ: Mapping[str, str]) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    whole, settings = read_argument(KIND, argument, _SETTINGS)
    group, _, name = whole.rpartition("/")
    require_name(f"{KIND}: group", group, _TEXT, "up to 128 characters before /, without * ? \\")
    require_name(KIND, name, _NAME, "a name of letters, digits and . _ - after /")
    project = settings.get("project") or environ.get("SYSTEM_TEAMPROJECT", "")
    if not project:
        raise SinkError(f"{KIND}: needs project= outside a job of Azure Pipelines")
    require_name(f"{KIND}: project=", project, _TEXT, "up to 128 characters, without / * ? \\")
    return _Place(name, group, project)


def _answer_of(answer: Answer, group: object) -> Answer:
    """Return the answer with one of the groups in it as its document. Raises StoreRefusedError."""
    variables = group.get("variables") if isinstance(group, dict) else None
    if not isinstance(variables, dict) or not all(
        isinstance(each, dict) for each in variables.values()
    ):
        raise StoreRefusedError("Azure DevOps does not show the variables of the group")
    return replace(answer, document=group)


def _variables(group: Answer) -> Variables:
    variables = group.member("variables")
    return variables if isinstance(variables, dict) else {}


def _is_secret(group: Answer, name: str) -> bool:
    return _variables(group).get(name, {}).get("isSecret") is True


def _id(group: Answer) -> int:
    identity = group.member("id")
    if not isinstance(identity, int):
        raise StoreRefusedError("Azure DevOps returned no id for the group")
    return identity


_ACCESS = Access(
    store="Azure DevOps",
    address="SYSTEM_COLLECTIONURI",
    token="AZURE_DEVOPS_EXT_PAT",  # noqa: S106 - a variable's name
    token_hint="a personal access token, or the System.AccessToken of the job",  # noqa: S106
    error_text=lambda answer: answer.text("message"),
    # Without it, Azure DevOps answers an unknown token with a redirect to its sign-in page.
    headers={"X-TFS-FedAuthRedirect": "Suppress"},
)
