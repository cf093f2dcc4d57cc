"""The key as a CI/CD variable of a GitLab project or group.

https://docs.gitlab.com/api/project_level_variables/ and /api/group_level_variables/; where they
are silent, GitLab's own lib/api/ci/variables.rb and lib/api/group_variables.rb. In a variable
that exists only the value is changed: GitLab keeps what a PUT omits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from signotaur_action.http import Answer
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.store import CONFLICT, NOT_FOUND, Access, Store, collect_faults
from signotaur_action.sinks.stores.token_end import end_of_day, ends_soon, is_refused
from signotaur_wire.members import Json

KIND = "gitlab-var"
_SETTINGS = ("project", "group", "scope")
_NAME = r"[A-Za-z0-9_]{1,255}"
_PATH = r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*"
_SCOPE = r"[A-Za-z0-9_/${}. *-]{1,255}"
_EVERYWHERE = "*"
_OWN_TOKEN = "/personal_access_tokens/self"  # noqa: S105 - a path
_NEXT = (
    "Fix the problem above, or set GITLAB_TOKEN to a token with write access, then run the "
    "command again."
)
_BAD_REQUEST = 400
_FOR_A_KEY: Json = {"masked": True, "protected": True, "raw": True}
"""How a new variable is made. Raw, or GitLab would expand a ``$`` in the value."""


@dataclass(frozen=True)
class _Place:
    """Which variable, and what a token needs to write it."""

    name: str
    owner: tuple[str, str]
    """``projects`` or ``groups``, and the id or path."""
    scope: str
    """The environment scope that was asked for; empty: whichever there is."""

    @property
    def variables(self) -> str:
        return join_path(*self.owner, "variables")

    @property
    def variable(self) -> str:
        return join_path(*self.owner, "variables", self.name)

    @property
    def query(self) -> str:
        """What a GET asks: for the variable in the environment scope; empty: in any."""
        return f"?{urlencode({'filter[environment_scope]': self.scope})}" if self.scope else ""

    @property
    def in_words(self) -> str:
        kind, path = self.owner
        scope = f", environment scope {self.scope}" if self.scope else ""
        return f"{kind.removesuffix('s')} {path}{scope}"

    @property
    def needs(self) -> str:
        kind, path = self.owner
        role = "Maintainer of project" if kind == "projects" else "Owner of group"
        return f"the scope api and the role {role} {path} (a job's CI_JOB_TOKEN never does)"


class GitlabVarSink:
    """``gitlab-var:NAME`` with ``project=`` or ``group=``, and ``scope=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._gitlab = collect_faults(
            lambda: _place(argument, context.environ),
            lambda: Store(KIND, _ACCESS, context),
        )
        self.name = f"GitLab variable {self._place.name} of {self._place.in_words}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Only who may write a project's variables may read them."""
        with check_faults(self.name, _NEXT):
            found = self._found()
            token = self._gitlab.call("GET", _OWN_TOKEN)
            _require_scope(token)
        return [*self._concerns(found), *_token_concerns(token)]

    def token_concerns(self) -> Sequence[str]:
        """See ``ports.TokenHolder``."""
        with check_faults(self.name, _NEXT):
            token = self._gitlab.call("GET", _OWN_TOKEN)
            if self._gitlab.is_unknown(token):
                return is_refused("GitLab")
            return _token_concerns(self._require_success(token))

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            found = self._found()
            self._prove(delivery.key, self._write(delivery.key, found))

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. GitLab never shows the value of a hidden variable."""
        with delivery_faults(self.name, "read"):
            found = self._found()
        value = "" if found is None else found.text("value")
        return Secret(value) if value else None

    # The check

    def _concerns(self, found: Answer | None) -> list[str]:
        if found is None:
            made = "masked, raw, and protected: only jobs on protected branches and tags get it"
            return [f"{self.name} does not exist yet; it will be created {made}."]
        return [] if found.member("masked") else [f"{self.name} is not masked in job logs."]

    # The delivery

    def _write(self, key: Secret, found: Answer | None) -> Mapping[str, object]:
        """Write the key, and return the variable as it must be afterwards."""
        if found is not None:
            answer = self._put(key, found.text("environment_scope"))
            if not _is_missing(answer):
                self._require_success(answer)
                return _standing(found)
        answer = self._post(key)
        if not _is_taken(answer):
            self._require_success(answer)
            return _FOR_A_KEY
        # Another client, or an earlier try of this request, has made it in the meantime.
        return _standing(self._require_success(self._put(key, _EVERYWHERE)))

    def _put(self, key: Secret, present_scope: str) -> Answer:
        """Change the value. Without its scope named, GitLab changes any of a group's."""
        # Only groups with a licence for it have other scopes than *, and know the filter.
        scope = self._place.scope or ("" if present_scope == _EVERYWHERE else present_scope)
        body: Json = {"value": key.reveal()}
        if scope:
            body["filter"] = {"environment_scope": scope}
        return self._gitlab.call("PUT", self._place.variable, body, hide=[key])

    def _post(self, key: Secret) -> Answer:
        body = {"key": self._place.name, "value": key.reveal(), **_FOR_A_KEY}
        if self._place.scope:
            body["environment_scope"] = self._place.scope
        return self._gitlab.call("POST", self._place.variables, body, hide=[key])

    def _prove(self, key: Secret, standing: Mapping[str, object]) -> None:
        found = self._found()
        if found is None:
            raise StoreRefusedError("GitLab accepted the key, but does not show the variable")
        if not found.member("hidden") and Secret(found.text("value")) != key:
            raise StoreRefusedError("GitLab accepted the key, but shows a different value")
        changed = [name for name, member in standing.items() if found.member(name) != member]
        if changed:
            raise StoreRefusedError(f"GitLab accepted the key, but changed: {', '.join(changed)}")

    def _found(self) -> Answer | None:
        answer = self._gitlab.call("GET", self._place.variable + self._place.query)
        if _is_missing(answer):
            return None
        if answer.status == CONFLICT:
            raise StoreRefusedError(
                "the variable exists in several environment scopes; choose one with scope="
            )
        self._require_success(answer)
        shown, scope = answer.text("key"), answer.text("environment_scope")
        if shown != self._place.name or scope != (self._place.scope or scope):
            raise StoreRefusedError("GitLab did not return the requested variable")
        return answer

    def _require_success(self, answer: Answer) -> Answer:
        return self._gitlab.require_success(answer, self._place.needs)


def _token_concerns(token: Answer) -> list[str]:
    return ends_soon("GitLab", end_of_day(token.text("expires_at")), token.server_time)


def _require_scope(token: Answer) -> None:
    """Refuse a token that may only read, if GitLab reports the token's scopes."""
    scopes = token.member("scopes")
    if isinstance(scopes, list) and "read_api" in scopes and "api" not in scopes:
        raise StoreRefusedError("the token has the scope read_api; it needs api")


def _place(argument: str, environ: Mapping[str, str]) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    name, settings = read_argument(KIND, argument, _SETTINGS)
    require_name(KIND, name, _NAME, "a name of letters, digits and _")
    if "project" in settings and "group" in settings:
        raise SinkError(f"{KIND}: project= and group= cannot be used together")
    kind = "group" if "group" in settings else "project"
    path = settings.get(kind) or environ.get("CI_PROJECT_ID", "")
    if not path:
        raise SinkError(f"{KIND}: needs project= or group= outside a GitLab job")
    require_name(
        f"{KIND}: {kind}=", path, _PATH, "names of letters, digits and . _ - with slashes between"
    )
    scope = settings.get("scope", "")
    if scope:
        require_name(
            f"{KIND}: scope=", scope, _SCOPE, "an environment, such as production or review/*"
        )
    return _Place(name, (f"{kind}s", path), scope)


def _is_missing(answer: Answer) -> bool:
    """Whether the variable is missing, and not its project: that is another 404."""
    return answer.status == NOT_FOUND and "Variable Not Found" in answer.text("message")


def _is_taken(answer: Answer) -> bool:
    return answer.status == _BAD_REQUEST and "already been taken" in _words(answer)


def _standing(variable: Answer) -> Mapping[str, object]:
    return {name: variable.member(name) for name in ("masked", "protected", "hidden", "raw")}


def _words(answer: Answer) -> str:
    """Return GitLab's reason: one of three members, and a message may be a text by member."""
    message = answer.member("message")
    if isinstance(message, dict):
        return "; ".join(f"{name} {_listed(texts)}" for name, texts in message.items())
    return answer.text("message") or answer.text("error_description") or answer.text("error")


def _listed(texts: object) -> str:
    return ", ".join(map(str, texts)) if isinstance(texts, list) else str(texts)


_ACCESS = Access(
    store="GitLab",
    address="CI_API_V4_URL",
    default_url="https://gitlab.com/api/v4",
    token="GITLAB_TOKEN",  # noqa: S106 - a variable's name
    token_hint="a token with the scope api; a job's CI_JOB_TOKEN cannot write variables",  # noqa: S106
    error_text=_words,
    ca_file_variable="CI_SERVER_TLS_CA_FILE",
    header="PRIVATE-TOKEN",
    prefix="",
)
