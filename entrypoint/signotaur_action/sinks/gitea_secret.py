"""The key as a secret of Gitea Actions or Forgejo Actions.

Both publish the API as Swagger at /api/swagger. The value never comes back, and neither says when
a secret changed; a delivery is proved by the status of the answer and by the list of secrets. A
PUT without the description would empty it, so it is sent again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signotaur_action.http import Answer
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.pagination import numbered_pages
from signotaur_action.sinks.stores.store import Access, Store, collect_faults
from signotaur_wire.members import Json

KIND = "gitea-secret"
_NAME = r"(?i)(?!ci$|(gitea|github|forgejo)_)[a-z_][a-z0-9_]{0,254}"
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_CREATED, _CHANGED = 201, 204
_PAGE = 50
_NEXT = (
    "Fix the problem above, or set GITEA_SERVER_TOKEN to a token with write access, then run the "
    "command again."
)


@dataclass(frozen=True)
class _Place:
    """Which secret, and of whom."""

    name: str
    """In upper case, as Gitea stores it."""
    owner: tuple[str, ...]
    """``repos`` with owner and repository, or ``orgs`` with the organization."""

    def path(self, *parts: str) -> str:
        return join_path(*self.owner, "actions", "secrets", *parts)

    @property
    def in_words(self) -> str:
        kind = "repository" if self.owner[0] == "repos" else "organization"
        return f"{kind} {'/'.join(self.owner[1:])}"

    @property
    def needs(self) -> str:
        scope = "repository" if self.owner[0] == "repos" else "organization"
        return f"the scope write:{scope}, of an owner of {self.in_words}"


class GiteaSecretSink:
    """``gitea-secret:OWNER/REPO/NAME`` or ``gitea-secret:ORG/NAME``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._gitea = collect_faults(
            lambda: _place(argument), lambda: Store(KIND, _ACCESS, context)
        )
        self.name = f"Gitea secret {self._place.name} of {self._place.in_words}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Gitea does not tell whether a token may write."""
        with check_faults(self.name, _NEXT):
            found = self._found()
        return [] if found else [f"{self.name} does not exist yet; it will be created."]

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            self._put(delivery.key, self._found())
            if self._found() is None:
                raise StoreRefusedError("Gitea accepted the key, but does not show the secret")

    def read_back(self) -> None:
        """See ``ports.Sink``. Gitea never gives a secret back."""

    def _put(self, key: Secret, found: Mapping[str, object] | None) -> None:
        body: Json = {"data": key.reveal()}
        described = (found or {}).get("description")
        if isinstance(described, str) and described:
            body["description"] = described
        answer = self._gitea.call("PUT", self._place.path(self._place.name), body, hide=[key])
        if self._require_success(answer).status not in (_CREATED, _CHANGED):
            raise StoreRefusedError("Gitea answered, but does not say that the secret changed")

    def _found(self) -> Mapping[str, object] | None:
        """Return the secret as the list shows it; None if there is none."""
        for each in numbered_pages(self._list, "limit", _PAGE, "the secrets"):
            if each.get("name") == self._place.name:
                return each
        return None

    def _list(self, query: str) -> Answer:
        return self._require_success(self._gitea.call("GET", self._place.path() + query))

    def _require_success(self, answer: Answer) -> Answer:
        return self._gitea.require_success(answer, self._place.needs)


def _place(argument: str) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    owner, _, name = argument.rpartition("/")
    if not re.fullmatch(f"{_PART}(/{_PART})?", owner):
        raise SinkError(f"{KIND}: needs OWNER/REPO/NAME, or ORG/NAME for an organization")
    require_name(
        KIND,
        name,
        _NAME,
        "a name of letters, digits and _ other than CI, that does not begin with a digit, GITEA_, "
        "GITHUB_ or FORGEJO_",
    )
    return _Place(name.upper(), ("repos" if "/" in owner else "orgs", *owner.split("/")))


_ACCESS = Access(
    store="Gitea",
    address="GITEA_SERVER_URL",
    version="/api/v1",
    token="GITEA_SERVER_TOKEN",  # noqa: S106 - a variable's name
    token_hint="a token with the scope write:repository, or write:organization",  # noqa: S106
    error_text=lambda answer: answer.text("message"),
    prefix="token ",
)
