"""The key as a secret of a Buildkite cluster.

https://buildkite.com/docs/apis/rest-api/clusters/secrets and /rest-api/access-token. The value
never comes back; a delivery is proved by the answer and the time of change in it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signotaur_action.http import Answer
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.pagination import numbered_pages
from signotaur_action.sinks.stores.store import (
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    Access,
    Store,
    collect_faults,
)
from signotaur_wire.members import Json

KIND = "buildkite-secret"
_SETTINGS = ("cluster", "organization")
_SCOPES = ("read_secret_details", "write_secrets")
_NEEDS = f"the scopes {' and '.join(_SCOPES)}, of a maintainer of the cluster"
_KEY = r"(?!(?i:buildkite|bk))[A-Za-z][A-Za-z0-9_]{0,254}"
_SLUG = r"[A-Za-z0-9_-]+"
_UUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_NEXT = (
    "Fix the problem above, or set BUILDKITE_API_TOKEN to a token with write access, then run "
    "the command again."
)
_PAGE = 100
_TRIES = 2
_RACE_STATUSES = (NOT_FOUND, CONFLICT, 422)
"""What Buildkite may answer if somebody made or removed the secret in the meantime."""


@dataclass(frozen=True)
class _Place:
    """Which secret of which cluster."""

    key: str
    cluster: str
    organization: str

    def path(self, *parts: str) -> str:
        parents = ("organizations", self.organization, "clusters", self.cluster)
        return join_path(*parents, "secrets", *parts)


class BuildkiteSecretSink:
    """``buildkite-secret:KEY`` with ``cluster=`` and ``organization=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._buildkite = collect_faults(
            lambda: _place(argument, context.environ),
            lambda: Store(KIND, _ACCESS, context),
        )
        place = self._place
        self.name = f"Buildkite secret {place.key} of {place.organization}, cluster {place.cluster}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Buildkite reports a token's scopes, but not its user's rights."""
        with check_faults(self.name, _NEXT):
            self._require_scopes()
            found = self._identity()
        return [] if found else [f"{self.name} does not exist yet; it will be created."]

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            self._prove(self._write(delivery.key))

    def read_back(self) -> None:
        """See ``ports.Sink``. Buildkite never gives a secret back."""

    def _require_scopes(self) -> None:
        answer = self._buildkite.call("GET", "/access-token")
        if answer.status in (FORBIDDEN, NOT_FOUND):
            return  # the list of secrets will show it
        scopes = self._require_success(answer).member("scopes")
        lacking = [each for each in _SCOPES if isinstance(scopes, list) and each not in scopes]
        if lacking:
            raise StoreRefusedError(f"the token lacks the scope {' and '.join(lacking)}")

    def _write(self, key: Secret) -> Answer:
        for _ in range(_TRIES):
            found = self._identity()
            answer = self._put(found, key) if found else self._post(key)
            if answer.status not in _RACE_STATUSES:
                break
        return self._require_success(answer)

    def _put(self, identity: str, key: Secret) -> Answer:
        path = self._place.path(identity, "value")
        return self._buildkite.call("PUT", path, {"value": key.reveal()}, hide=[key])

    def _post(self, key: Secret) -> Answer:
        body: Json = {"key": self._place.key, "value": key.reveal()}
        return self._buildkite.call("POST", self._place.path(), body, hide=[key])

    def _prove(self, written: Answer) -> None:
        path = self._place.path(_id(written.document))
        shown = self._require_success(self._buildkite.call("GET", path))
        changed, known = written.moment("updated_at"), shown.moment("updated_at")
        if written.text("key") != self._place.key or changed is None:
            raise StoreRefusedError("Buildkite answered, but does not say that the secret changed")
        if known is None or known < changed:
            raise StoreRefusedError(
                "Buildkite accepted the key, but does not show the secret as changed"
            )

    def _identity(self) -> str | None:
        """Return the secret's id; None if there is no such secret. Only the list has it."""
        for each in numbered_pages(self._list, "per_page", _PAGE, "the cluster's secrets"):
            if each.get("key") == self._place.key:
                return _id(each)
        return None

    def _list(self, query: str) -> Answer:
        return self._require_success(self._buildkite.call("GET", self._place.path() + query))

    def _require_success(self, answer: Answer) -> Answer:
        return self._buildkite.require_success(answer, _NEEDS)


def _place(argument: str, environ: Mapping[str, str]) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    key, settings = read_argument(KIND, argument, _SETTINGS)
    require_name(
        KIND,
        key,
        _KEY,
        "a name of letters, digits and _ that begins with a letter, but not with bk",
    )
    cluster = settings.get("cluster") or environ.get("BUILDKITE_CLUSTER_ID", "")
    organization = settings.get("organization") or environ.get("BUILDKITE_ORGANIZATION_SLUG", "")
    missing = [
        f"{name}="
        for name, value in (("cluster", cluster), ("organization", organization))
        if not value
    ]
    if missing:
        raise SinkError(f"{KIND}: needs {' and '.join(missing)} outside a job of a cluster")
    require_name(f"{KIND}: cluster=", cluster, _UUID, "a UUID")
    require_name(
        f"{KIND}: organization=", organization, _SLUG, "a slug of letters, digits, - and _"
    )
    return _Place(key, cluster, organization)


def _id(secret: object) -> str:
    identity = secret.get("id") if isinstance(secret, dict) else None
    if not isinstance(identity, str) or not re.fullmatch(_UUID, identity):
        raise StoreRefusedError("Buildkite returned no id for the secret")
    return identity


_ACCESS = Access(
    store="Buildkite",
    # Buildkite's pages name one address only; this variable is that of its command line, bk.
    address="BUILDKITE_REST_API_ENDPOINT",
    default_url="https://api.buildkite.com/v2",
    version="/v2",
    token="BUILDKITE_API_TOKEN",  # noqa: S106 - a variable's name
    token_hint=f"a token with {_NEEDS}",
    error_text=lambda answer: answer.text("message"),
)
