"""The key as one entry of a Secret of Kubernetes.

https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1. It is
written by server-side apply: this client owns that one entry, and the others stay as they are.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.http import Answer, Credential
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.sign_in.id_token import token_in
from signotaur_action.sinks.stores.store import (
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHORIZED,
    Access,
    Store,
    collect_faults,
)
from signotaur_wire.members import Json

KIND = "kubernetes"
ADDRESS, TOKEN, CA_FILE = "KUBERNETES_API_URL", "KUBERNETES_TOKEN", "KUBERNETES_CA_FILE"
_HOST, _PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_ACCOUNT_VARIABLE = "KUBERNETES_SERVICE_ACCOUNT_DIR"
_NAMESPACE = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_KEY = r"[A-Za-z0-9._-]{1,253}"
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
"""JSON is YAML, too."""
_OWNED = "?fieldManager=signotaur-action&force=true"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_NEXT = f"Fix {ADDRESS}, {TOKEN}, or the role of the service account, then run the command again."


@dataclass(frozen=True)
class _Place:
    """Which entry of which Secret."""

    namespace: str
    secret: str
    key: str

    @property
    def path(self) -> str:
        return join_path("api", "v1", "namespaces", self.namespace, "secrets", self.secret)

    @property
    def needs(self) -> str:
        return f"patch (and create, where it is new) on the Secret {self.namespace}/{self.secret}"


class KubernetesSink:
    """``kubernetes:NAMESPACE/NAME#KEY``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._cluster = collect_faults(
            lambda: _place(argument), lambda: _cluster(context)
        )
        place = self._place
        self.name = f"Kubernetes Secret {place.namespace}/{place.secret}, key {place.key}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. The cluster says whether this account may write the Secret."""
        with check_faults(self.name, _NEXT):
            found = self._cluster.call("GET", self._place.path)
            self._require_right("patch")
            if found.status == NOT_FOUND:
                self._require_right("create")
                return [f"{self.name} does not exist yet; it will be created."]
            if found.status == FORBIDDEN:
                return [f"{self.name} cannot be read; the delivery is verified by the answer."]
            self._cluster.require_success(found, self._place.needs)
            if found.member("immutable") is True:
                raise StoreRefusedError("the Secret is immutable; replace it by one that is not")
            if self._place.key not in _data(found):
                return [f"{self.name}: the Secret does not have this key yet; it will be added."]
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``. The same apply again changes nothing."""
        place, key = self._place, delivery.key
        value = base64.b64encode(key.reveal().encode()).decode("ascii")
        body: Json = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": place.secret, "namespace": place.namespace},
            "data": {place.key: value},
        }
        with delivery_faults(self.name):
            answer = self._cluster.call(
                "PATCH", place.path + _OWNED, body, hide=[key, Secret(value)], headers=_APPLY
            )
            self._cluster.require_success(answer, place.needs)
            if _data(answer).get(place.key) != value:
                raise StoreRefusedError("the cluster did not return the Secret as it was written")

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. None where the account may not read the Secret."""
        with delivery_faults(self.name, "read"):
            answer = self._cluster.call("GET", self._place.path)
            if answer.status in (FORBIDDEN, NOT_FOUND):
                return None
            self._cluster.require_success(answer, self._place.needs)
        return _decoded(_data(answer).get(self._place.key))

    def _require_right(self, verb: str) -> None:
        place = self._place
        asked = {"namespace": place.namespace, "verb": verb, "resource": "secrets"}
        # A role cannot allow the creation of one name: what is new has none when it is asked for.
        named = {"name": place.secret} if verb == "patch" else {}
        body: Json = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked | named},
        }
        answer = self._cluster.call("POST", _REVIEWS, body)
        if answer.status in (FORBIDDEN, NOT_FOUND):
            return  # a cluster in which accounts may not ask for their own rights
        status = self._cluster.require_success(answer, place.needs).member("status")
        if not (isinstance(status, dict) and status.get("allowed") is True):
            raise StoreRefusedError(
                f"the account lacks {verb} on secrets in the namespace {place.namespace}"
            )


def _place(argument: str) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    whole, _, key = argument.rpartition("#")
    namespace, _, secret = whole.partition("/")
    if not secret:
        raise SinkError(f"{KIND}: needs NAMESPACE/NAME#KEY")
    require_name(f"{KIND}: namespace", namespace, _NAMESPACE, "lower-case letters, digits and -")
    require_name(f"{KIND}: Secret", secret, _NAME, "lower-case letters, digits, - and .")
    require_name(f"{KIND}: key", key, _KEY, "letters, digits, -, _ and .")
    return _Place(namespace, secret, key)


def _cluster(context: SinkContext) -> Store:
    """Return the way to the cluster: the one of the variables, else that of this pod."""
    environ = context.environ
    if environ.get(ADDRESS) or environ.get(TOKEN) or not environ.get(_HOST):
        return Store(KIND, _access(), context)
    account = context.file_of(_ACCOUNT_VARIABLE) or _ACCOUNT
    host = environ[_HOST]
    shown = f"[{host}]" if ":" in host else host
    try:
        token = token_in(account / "token")
    except StoreRefusedError as fault:
        raise SinkError(f"{KIND}: {fault}") from None
    access = _access(f"https://{shown}:{environ.get(_PORT) or '443'}")
    trusted = [] if environ.get(CA_FILE) else [account / "ca.crt"]
    return Store(KIND, access, context, Credential(token), also_trusted=trusted)


def _data(answer: Answer) -> Mapping[str, object]:
    data = answer.member("data")
    return data if isinstance(data, dict) else {}


def _decoded(value: object) -> Secret | None:
    try:
        text = base64.b64decode(str(value or ""), validate=True).decode()
    except ValueError:
        return None
    return Secret(text) if text else None


def _access(own: str = "") -> Access:
    return Access(
        store="Kubernetes",
        address=ADDRESS,
        token=TOKEN,
        token_hint="a token of a service account",  # noqa: S106 - a description
        error_text=lambda answer: answer.text("message"),
        default_url=own,
        ca_file_variable=CA_FILE,
        denied_statuses=(UNAUTHORIZED, FORBIDDEN),
    )
