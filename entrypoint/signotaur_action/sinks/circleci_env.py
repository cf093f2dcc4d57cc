"""The key as an environment variable of a CircleCI context or project.

https://circleci.com/docs/api/v2. The value never comes back. Of a variable in a context CircleCI
says when it changed, and of one in a project it shows the last four characters; that is the proof.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlencode

from signotaur_action.http import Answer
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.store import NOT_FOUND, Access, Store, collect_faults
from signotaur_wire.members import Json

KIND = "circleci-env"
_SETTINGS = ("context", "project")
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,299}"
_UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_PART = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_SLUG = rf"(gh|github|bb|bitbucket|gl|gitlab|circleci)/{_PART}/{_PART}"
_NEXT = (
    "Fix the problem above, or set CIRCLECI_CLI_TOKEN to a personal API token of somebody who may "
    "change it, then run the command again."
)
_SHOWN = 4
"""Of so many characters at the end of its value a variable of a project is shown."""
_NOT_SAID = "CircleCI answered, but does not say that the variable changed"
_NOT_SHOWN = "CircleCI accepted the key, but does not show the variable as changed"


@dataclass(frozen=True)
class _Place(ABC):
    """One variable, and where it is."""

    name: str
    owner: str
    kind: ClassVar[str]
    needs: ClassVar[str]

    @abstractmethod
    def found(self, circleci: Store) -> Mapping[str, object] | None:
        """Return the variable as CircleCI shows it; None if there is none."""

    @abstractmethod
    def write(self, circleci: Store, key: Secret) -> None:
        """Store the key and prove it."""


class _InContext(_Place):
    kind = "context"
    needs = "a personal API token of a member of the organization who may use the context"

    @property
    def path(self) -> str:
        return join_path("context", self.owner, "environment-variable")

    def found(self, circleci: Store) -> Mapping[str, object] | None:
        """See ``_Place``. Only the list has it."""
        query = ""
        while True:
            answer = circleci.call("GET", self.path + query)
            items = circleci.require_success(answer, self.needs).member("items")
            if not (isinstance(items, list) and all(isinstance(each, dict) for each in items)):
                raise StoreRefusedError("CircleCI does not list the variables of the context")
            for each in items:
                if each.get("variable") == self.name:
                    return dict(each)
            token = answer.text("next_page_token")
            if not token:
                return None
            query = f"?{urlencode({'page-token': token})}"

    def write(self, circleci: Store, key: Secret) -> None:
        """See ``_Place``."""
        body: Json = {"value": key.reveal()}
        written = circleci.call("PUT", self.path + join_path(self.name), body, hide=[key])
        circleci.require_success(written, self.needs)
        changed = written.moment("updated_at")
        if (written.text("variable"), written.text("context_id")) != (self.name, self.owner):
            raise StoreRefusedError(_NOT_SAID)
        shown = _moment(written, self.found(circleci))
        if changed is None or shown is None or shown < changed:
            raise StoreRefusedError(_NOT_SHOWN)


class _InProject(_Place):
    kind = "project"
    needs = "a personal API token of somebody who may change the settings of the project"

    @property
    def path(self) -> str:
        return join_path("project", *self.owner.split("/"))

    def found(self, circleci: Store) -> Mapping[str, object] | None:
        """See ``_Place``."""
        answer = circleci.call("GET", f"{self.path}/envvar{join_path(self.name)}")
        if answer.status == NOT_FOUND:
            # Of a project that is not there, or not seen, this is refused too.
            project = circleci.require_success(circleci.call("GET", self.path), self.needs)
            if not project.text("slug"):
                raise StoreRefusedError("CircleCI did not return the requested project")
            return None
        return self._variable(circleci.require_success(answer, self.needs))

    def write(self, circleci: Store, key: Secret) -> None:
        """See ``_Place``. A POST also replaces the value of a variable that exists."""
        body: Json = {"name": self.name, "value": key.reveal()}
        written = circleci.call("POST", f"{self.path}/envvar", body, hide=[key])
        circleci.require_success(written, self.needs)
        if written.text("name") != self.name:
            raise StoreRefusedError(_NOT_SAID)
        shown = self.found(circleci) or {}
        if str(shown.get("value"))[-_SHOWN:] != key.reveal()[-_SHOWN:]:
            raise StoreRefusedError(_NOT_SHOWN)

    def _variable(self, answer: Answer) -> Mapping[str, object]:
        if answer.text("name") != self.name or not isinstance(answer.document, dict):
            raise StoreRefusedError("CircleCI did not return the requested variable")
        return answer.document


class CircleciEnvSink:
    """``circleci-env:NAME`` with ``context=`` or ``project=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._circleci = collect_faults(
            lambda: _place(argument), lambda: Store(KIND, _ACCESS, context)
        )
        place = self._place
        self.name = f"CircleCI variable {place.name} of {place.kind} {place.owner}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. CircleCI does not tell who may write before somebody writes."""
        with check_faults(self.name, _NEXT):
            found = self._place.found(self._circleci)
        return [] if found else [f"{self.name} does not exist yet; it will be created."]

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            self._place.found(self._circleci)  # nothing is written that could not be proved
            self._place.write(self._circleci, delivery.key)

    def read_back(self) -> None:
        """See ``ports.Sink``. CircleCI never gives a value back."""


def _place(argument: str) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    name, settings = read_argument(KIND, argument, _SETTINGS)
    require_name(
        KIND, name, _NAME, "a name of letters, digits and _ that does not begin with a digit"
    )
    if len(settings) != 1:
        raise SinkError(f"{KIND}: needs context= or project=, and not both")
    if "context" in settings:
        require_name(f"{KIND}: context=", settings["context"], _UUID, "a UUID")
        return _InContext(name, settings["context"].lower())
    require_name(
        f"{KIND}: project=", settings["project"], _SLUG, "a project slug, such as gh/acme/app"
    )
    return _InProject(name, settings["project"])


def _moment(answer: Answer, variable: Mapping[str, object] | None) -> datetime | None:
    return replace(answer, document=variable).moment("updated_at")


_ACCESS = Access(
    store="CircleCI",
    address="CIRCLECI_CLI_HOST",
    default_url="https://circleci.com",
    version="/api/v2",
    token="CIRCLECI_CLI_TOKEN",  # noqa: S106 - a variable's name
    token_hint="a personal API token; a project's own token cannot write variables",  # noqa: S106
    error_text=lambda answer: answer.text("message"),
    header="Circle-Token",
    prefix="",
)
