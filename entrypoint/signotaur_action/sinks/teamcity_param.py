"""The key as a parameter of a TeamCity project, of the type password.

https://www.jetbrains.com/help/teamcity/rest/manage-typed-parameters.html. TeamCity never shows the
value of such a parameter, and does not say when it changed: the delivery is proved by the answer
and by the parameter that is there afterwards.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from signotaur_action.http import Answer
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.store import NOT_FOUND, Access, Store, collect_faults
from signotaur_wire.members import Json

KIND = "teamcity-param"
_SETTINGS = ("project",)
_NAME = r"[A-Za-z][A-Za-z0-9_.-]{0,254}"
_PROJECT = r"[A-Za-z][A-Za-z0-9_]{0,224}"
_PASSWORD = "password"  # noqa: S105 - a type
_NEXT = (
    "Fix the problem above, or set TEAMCITY_TOKEN to a token that may edit the project, then run "
    "the command again."
)


@dataclass(frozen=True)
class _Place:
    """Which parameter of which project."""

    name: str
    project: str

    @property
    def project_path(self) -> str:
        return f"/app/rest/projects/id:{self.project}"

    @property
    def path(self) -> str:
        return f"{self.project_path}/parameters{join_path(self.name)}"

    @property
    def needs(self) -> str:
        return f'the permissions "View project" and "Edit project" in project {self.project}'


class TeamcityParamSink:
    """``teamcity-param:NAME`` with ``project=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._teamcity = collect_faults(
            lambda: _place(argument), lambda: Store(KIND, _ACCESS, context)
        )
        self.name = f"TeamCity parameter {self._place.name} of project {self._place.project}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. TeamCity does not tell who may edit before somebody edits."""
        with check_faults(self.name, _NEXT):
            found = self._found()
        if found is None:
            return [f"{self.name} does not exist yet; it will be created with the type password."]
        if found.member("inherited") is True:
            return [f"{self.name} is inherited; the project will get one of its own."]
        if not _is_password(found):
            return [f"{self.name} is not of the type password yet; it will be."]
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            written = self._put(delivery.key, self._found())
            if written.text("name") != self._place.name:
                raise StoreRefusedError(
                    "TeamCity answered, but does not say that the parameter changed"
                )
            shown = self._found()
            if shown is None or not _is_password(shown) or shown.member("inherited") is True:
                raise StoreRefusedError(
                    "TeamCity accepted the key, but does not show the parameter as a password"
                )

    def read_back(self) -> None:
        """See ``ports.Sink``. TeamCity never gives the value of a password back."""

    def _put(self, key: Secret, found: Answer | None) -> Answer:
        """Write the key. The specification stays: it may have a label, or hide the parameter."""
        specification = _type(found) if found and _is_password(found) else _PASSWORD
        body: Json = {
            "name": self._place.name,
            "value": key.reveal(),
            "type": {"rawValue": specification},
        }
        answer = self._teamcity.call("PUT", self._place.path, body, hide=[key])
        return self._require_success(answer)

    def _found(self) -> Answer | None:
        answer = self._teamcity.call("GET", self._place.path)
        if answer.status == NOT_FOUND:
            self._require_project()
            return None
        if self._require_success(answer).text("name") != self._place.name:
            raise StoreRefusedError("TeamCity did not return the requested parameter")
        return answer

    def _require_project(self) -> None:
        """Refuse a project that does not exist, or that the token does not see."""
        answer = self._teamcity.call("GET", f"{self._place.project_path}?fields=id")
        if self._require_success(answer).text("id") != self._place.project:
            raise StoreRefusedError("TeamCity did not return the requested project")

    def _require_success(self, answer: Answer) -> Answer:
        return self._teamcity.require_success(answer, self._place.needs)


def _place(argument: str) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    name, settings = read_argument(KIND, argument, _SETTINGS)
    require_name(KIND, name, _NAME, "a name of letters, digits and . _ - that begins with a letter")
    if "project" not in settings:
        raise SinkError(f"{KIND}: needs project=, the id of the project")
    require_name(
        f"{KIND}: project=", settings["project"], _PROJECT, "an id of letters, digits and _"
    )
    return _Place(name, settings["project"])


def _type(parameter: Answer) -> str:
    """Return the specification of a parameter, such as ``password label='Key'``."""
    kind = parameter.member("type")
    raw = kind.get("rawValue") if isinstance(kind, dict) else None
    return raw if isinstance(raw, str) else ""


def _is_password(parameter: Answer) -> bool:
    return re.match(rf"{_PASSWORD}(\s|$)", _type(parameter)) is not None


def _error_text(answer: Answer) -> str:
    errors = answer.member("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return str(first.get("message") or "") if isinstance(first, dict) else ""


_ACCESS = Access(
    store="TeamCity",
    address="TEAMCITY_URL",
    token="TEAMCITY_TOKEN",  # noqa: S106 - a variable's name
    token_hint="an access token that may edit the project",  # noqa: S106 - a description
    error_text=_error_text,
)
