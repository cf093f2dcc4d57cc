"""The key as a new version of a secret of Google Cloud Secret Manager.

https://cloud.google.com/secret-manager/docs/reference/rest. A version has a checksum, so that what
arrives is what was sent.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.sign_in.google_identity import (
    ACCOUNT,
    PROVIDER,
    google_endpoint,
    google_error,
    google_sign_in,
)
from signotaur_action.sinks.stores.store import (
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHORIZED,
    Access,
    Store,
    collect_faults,
)
from signotaur_wire.members import Json

KIND = "gcp-secret"
TOKEN = "CLOUDSDK_AUTH_ACCESS_TOKEN"  # noqa: S105 - gcloud's variable
_PROJECT = r"[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{1,20}"
_NAME = r"[A-Za-z0-9_-]{1,255}"
_ADD, _READ = "secretmanager.versions.add", "secretmanager.versions.access"
_NO_VERSION = 400
"""The answer where the newest version is disabled or destroyed (FAILED_PRECONDITION)."""
_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, reflected (RFC 3720)."""
_NEXT = (
    f"Fix {TOKEN}, {PROVIDER}, {ACCOUNT}, the names, or the roles on the secret, then run the "
    "command again."
)


@dataclass(frozen=True)
class _Place:
    """Which secret."""

    project: str
    secret: str

    @property
    def path(self) -> str:
        return join_path("v1", "projects", self.project, "secrets", self.secret)

    @property
    def needs(self) -> str:
        return f"{_ADD} (Secret Manager Secret Version Adder) on {self.project}/{self.secret}"


class GcpSecretSink:
    """``gcp-secret:PROJECT/NAME``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._manager = collect_faults(
            lambda: _place(argument), lambda: _manager(context)
        )
        self.name = f"Google Cloud secret {self._place.secret} of {self._place.project}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. The service says what the caller may do with the secret."""
        with check_faults(self.name, _NEXT):
            rights = self._rights()
            if _ADD not in rights:
                raise StoreRefusedError(
                    f"there is no such secret, or the caller lacks {_ADD} on it; create the secret "
                    "first, without any version"
                )
        if _READ not in rights:
            return [f"{self.name} cannot be read; the delivery is verified by its version."]
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            if self._newest() != delivery.key:  # else the answer to an earlier try was lost
                self._add(delivery.key)

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. None where the caller may not read the secret."""
        with delivery_faults(self.name, "read"):
            return self._newest()

    def _rights(self) -> Sequence[object]:
        body: Json = {"permissions": [_ADD, _READ]}
        answer = self._manager.call("POST", f"{self._place.path}:testIamPermissions", body)
        if answer.status in (FORBIDDEN, NOT_FOUND):
            return []
        granted = self._manager.require_success(answer, self._place.needs).member("permissions")
        return granted if isinstance(granted, list) else []

    def _add(self, key: Secret) -> None:
        content = key.reveal().encode()
        data = base64.b64encode(content).decode("ascii")
        body: Json = {"payload": {"data": data, "dataCrc32c": str(crc32c(content))}}
        path = f"{self._place.path}:addVersion"
        answer = self._manager.call("POST", path, body, hide=[key, Secret(data)])
        self._manager.require_success(answer, self._place.needs)
        if "/versions/" not in answer.text("name"):
            raise StoreRefusedError("Google Cloud did not return the version of the secret")
        if answer.member("clientSpecifiedPayloadChecksum") is not True:
            raise StoreRefusedError("Google Cloud did not check what arrived")

    def _newest(self) -> Secret | None:
        answer = self._manager.call("GET", f"{self._place.path}/versions/latest:access")
        if answer.status in (FORBIDDEN, NOT_FOUND, _NO_VERSION):
            return None
        payload = self._manager.require_success(answer, _READ).member("payload")
        data = payload.get("data") if isinstance(payload, dict) else None
        try:
            text = base64.b64decode(str(data or ""), validate=True).decode()
        except ValueError:
            return None
        return Secret(text) if text else None


def crc32c(content: bytes) -> int:
    """Return the checksum of RFC 3720, which the service asks for and Python does not have."""
    return reduce(_with_byte, content, 0xFFFFFFFF) ^ 0xFFFFFFFF


def _with_byte(checksum: int, byte: int) -> int:
    checksum ^= byte
    for _ in range(8):
        checksum = (checksum >> 1) ^ (_POLYNOMIAL if checksum & 1 else 0)
    return checksum


def _place(argument: str) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    project, _, secret = argument.partition("/")
    require_name(f"{KIND}: project", project, _PROJECT, "a project's id or number")
    require_name(KIND, secret, _NAME, "a name of letters, digits, - and _ after /")
    return _Place(project, secret)


def _manager(context: SinkContext) -> Store:
    """Return the way to the service, with a token or with a sign-in. Raises SinkError."""
    sign_in = google_sign_in(KIND, context)
    if sign_in is not None and context.environ.get(TOKEN):
        raise SinkError(f"{KIND}: {TOKEN} and {PROVIDER} are both set; unset one of them")
    return Store(KIND, _access(), context, sign_in=sign_in)


def _access() -> Access:
    return Access(
        store="Google Cloud Secret Manager",
        address=google_endpoint("secretmanager"),
        token=TOKEN,
        token_hint=f"an access token; or set {PROVIDER} to sign in without one",
        error_text=google_error,
        default_url="https://secretmanager.googleapis.com",
        denied_statuses=(UNAUTHORIZED, FORBIDDEN),
    )
