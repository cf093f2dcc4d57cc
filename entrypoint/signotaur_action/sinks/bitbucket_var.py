"""The key as a secured variable of Bitbucket Pipelines.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines. The value of a secured
variable never comes back, and Bitbucket does not say when it changed: a delivery is proved by the
answer and by the variable that is listed afterwards.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from signotaur_action.http import Answer
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.pagination import numbered_pages
from signotaur_action.sinks.stores.store import CONFLICT, NOT_FOUND, Access, Store, collect_faults
from signotaur_wire.members import Json

KIND = "bitbucket-var"
_SETTINGS = ("repo", "deployment", "workspace")
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,254}"
_PART = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_DEPLOYMENT = r"[^,=\x00-\x1f]{1,255}"
_UUID = r"\{[0-9A-Fa-f-]{36}\}"
_PAGE = 100
_TRIES = 2
_NEXT = (
    "Fix the problem above, or set BITBUCKET_ACCESS_TOKEN to an access token that may edit "
    "variables, then run the command again."
)


@dataclass(frozen=True)
class _Place:
    """Which variable of which repository, deployment environment or workspace."""

    name: str
    owner: str
    """``workspace/repository``, or the workspace alone."""
    deployment: str

    @property
    def path(self) -> str:
        kind = "repositories" if "/" in self.owner else "workspaces"
        return join_path(kind, *self.owner.split("/"))

    @property
    def in_words(self) -> str:
        if self.deployment:
            return f"deployment {self.deployment} of {self.owner}"
        return f"{'repository' if '/' in self.owner else 'workspace'} {self.owner}"

    @property
    def needs(self) -> str:
        return f"the permission Pipelines: Edit variables, for {self.in_words}"


class BitbucketVarSink:
    """``bitbucket-var:NAME`` with ``repo=`` and ``deployment=``, or with ``workspace=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._bitbucket = collect_faults(
            lambda: _place(argument, context.environ), lambda: Store(KIND, _ACCESS, context)
        )
        self.name = f"Bitbucket variable {self._place.name} of {self._place.in_words}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Bitbucket does not tell who may write before somebody writes."""
        with check_faults(self.name, _NEXT):
            found = self._found(self._variables())
        if found is None:
            return [f"{self.name} does not exist yet; it will be created as a secured variable."]
        return [] if found.get("secured") is True else [f"{self.name} is not secured; it will be."]

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            variables = self._variables()
            written = self._write(variables, delivery.key)
            self._prove(written, self._found(variables))

    def read_back(self) -> None:
        """See ``ports.Sink``. Bitbucket never gives a secured variable back."""

    def _write(self, variables: str, key: Secret) -> Answer:
        body: Json = {"key": self._place.name, "value": key.reveal(), "secured": True}
        for _ in range(_TRIES):
            found = self._found(variables)
            if found is None:
                answer = self._bitbucket.call("POST", variables, body, hide=[key])
            else:
                path = variables + join_path(_uuid(found))
                answer = self._bitbucket.call("PUT", path, body, hide=[key])
            if answer.status not in (CONFLICT, NOT_FOUND):
                break  # else somebody made or removed it in the meantime
        return self._require_success(answer)

    def _prove(self, written: Answer, found: Mapping[str, object] | None) -> None:
        if written.text("key") != self._place.name or written.member("secured") is not True:
            raise StoreRefusedError(
                "Bitbucket answered, but does not say that the variable changed"
            )
        shown = found or {}
        if shown.get("uuid") != written.text("uuid") or shown.get("secured") is not True:
            raise StoreRefusedError(
                "Bitbucket accepted the key, but does not show the variable as secured"
            )

    def _variables(self) -> str:
        """Return the path of the variables; that of a deployment contains its id."""
        place = self._place
        if "/" not in place.owner:
            return f"{place.path}/pipelines-config/variables"
        if not place.deployment:
            return f"{place.path}/pipelines_config/variables"
        for each in self._listed(f"{place.path}/environments", "the deployment environments"):
            if place.deployment in (each.get("name"), each.get("slug")):
                environment = join_path("deployments_config", "environments", _uuid(each))
                return f"{place.path}{environment}/variables"
        raise StoreRefusedError("the repository has no deployment environment of this name")

    def _found(self, variables: str) -> Mapping[str, object] | None:
        for each in self._listed(variables, "the variables"):
            if each.get("key") == self._place.name:
                return each
        return None

    def _listed(self, path: str, what: str) -> Iterator[Mapping[str, object]]:
        def call(query: str) -> Answer:
            return self._require_success(self._bitbucket.call("GET", path + query))

        return numbered_pages(call, "pagelen", _PAGE, what, "values")

    def _require_success(self, answer: Answer) -> Answer:
        return self._bitbucket.require_success(answer, self._place.needs)


def _place(argument: str, environ: Mapping[str, str]) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    name, settings = read_argument(KIND, argument, _SETTINGS)
    require_name(
        KIND, name, _NAME, "a name of letters, digits and _ that does not begin with a digit"
    )
    workspace, deployment = settings.get("workspace", ""), settings.get("deployment", "")
    if workspace:
        if len(settings) > 1:
            raise SinkError(f"{KIND}: workspace= cannot be used with repo= or deployment=")
        require_name(f"{KIND}: workspace=", workspace, _PART, "an id of letters, digits and . _ -")
        return _Place(name, workspace, "")
    repository = settings.get("repo") or environ.get("BITBUCKET_REPO_FULL_NAME", "")
    if not repository:
        raise SinkError(f"{KIND}: needs repo= or workspace= outside a pipeline of Bitbucket")
    require_name(f"{KIND}: repo=", repository, f"{_PART}/{_PART}", "WORKSPACE/REPOSITORY")
    if deployment:
        require_name(f"{KIND}: deployment=", deployment, _DEPLOYMENT, "the name of an environment")
    return _Place(name, repository, deployment)


def _uuid(entry: Mapping[str, object]) -> str:
    identity = entry.get("uuid")
    if not isinstance(identity, str) or not re.fullmatch(_UUID, identity):
        raise StoreRefusedError("Bitbucket returned no id")
    return identity


def _error_text(answer: Answer) -> str:
    error = answer.member("error")
    return str(error.get("message") or "") if isinstance(error, dict) else ""


_ACCESS = Access(
    store="Bitbucket",
    # Bitbucket has one address, and names no variable for it; this one is for a proxy.
    address="BITBUCKET_API_URL",
    default_url="https://api.bitbucket.org/2.0",
    version="/2.0",
    token="BITBUCKET_ACCESS_TOKEN",  # noqa: S106 - a variable's name
    token_hint="an access token with the permission Pipelines: Edit variables",  # noqa: S106
    error_text=_error_text,
)
