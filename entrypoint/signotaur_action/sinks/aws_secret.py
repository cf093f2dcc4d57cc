"""The key as a secret of AWS Secrets Manager, or as one member of a secret that is JSON.

https://docs.aws.amazon.com/secretsmanager/latest/apireference. A version's id is chosen by the
client: it comes from the rotation, so that a repeated write makes no second version.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid5

from signotaur_action.http import Answer
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.aws import NEXT, AwsService, not_allowed
from signotaur_action.sinks.stores.aws_access import error_name
from signotaur_action.sinks.stores.members import require_writable, texts
from signotaur_wire.members import Json

KIND = "aws-secret"
_SETTINGS = ("field", "region")
_NAME = r"[A-Za-z0-9/_+=.@:-]{1,2048}"
"""A name or an ARN."""
_FIELD = r"[^#,\x00-\x20\x7f-\U0010ffff]+"
_NOT_FOUND = "ResourceNotFoundException"
_CURRENT = "AWSCURRENT"


@dataclass(frozen=True)
class _Place:
    """Which secret, and which member of it; no member: all of it."""

    secret: str
    field: str
    settings: Mapping[str, str]

    @property
    def needs(self) -> str:
        read = ", secretsmanager:GetSecretValue" if self.field else ""
        return f"secretsmanager:DescribeSecret{read} and secretsmanager:PutSecretValue on it"


@dataclass(frozen=True)
class _Found:
    """The current version; id "": there is none, or none that may be read."""

    text: str | None = None
    version: str = ""
    may_read: bool = True


class AwsSecretSink:
    """``aws-secret:NAME`` with ``field=`` and ``region=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place = _place(argument)
        self._manager = AwsService(
            KIND, "secretsmanager", "Secrets Manager", self._place.settings, context
        )
        field = f", field {self._place.field}" if self._place.field else ""
        self.name = f"AWS secret {self._place.secret}{field}, region {self._manager.region}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Amazon does not tell who may write before somebody writes."""
        with check_faults(self.name, NEXT):
            answer = self._call("DescribeSecret")
            if error_name(answer) == _NOT_FOUND:
                raise StoreRefusedError(
                    f"there is no such secret in {self._manager.region}; create it first, with any "
                    "value"
                )
            if self._require_success(answer).member("DeletedDate") is not None:
                raise StoreRefusedError("the secret is scheduled for deletion")
            return [*self._concerns(self._found()), *self._manager.session_concerns(answer)]

    def token_concerns(self) -> Sequence[str]:
        """See ``ports.TokenHolder``."""
        if self._manager.signs_in:
            return []
        with check_faults(self.name, NEXT):
            return self._manager.session_concerns(self._call("DescribeSecret"))

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            if self._place.field:
                self._write_field(delivery)
            else:
                self._put(delivery.key, delivery.key.reveal(), str(delivery.rotation_id))

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. None where the policy does not let the secret be read."""
        with delivery_faults(self.name, "read"):
            found = self._found()
            if not self._place.field:
                return Secret(found.text) if found.text else None
            value = self._members(found).get(self._place.field)
        return Secret(value) if isinstance(value, str) and value else None

    def _concerns(self, found: _Found) -> Sequence[str]:
        if not found.may_read:
            return [f"{self.name} cannot be read; the delivery is verified by its version."]
        if self._place.field and self._place.field not in self._members(found):
            return [f"{self.name}: the secret does not have this field yet; it will be added."]
        return []

    def _write_field(self, delivery: Delivery) -> None:
        found = self._found()
        members = self._members(found)
        key = delivery.key
        if members.get(self._place.field) == key.reveal():
            return  # the answer to an earlier try was lost
        text = json.dumps(members | {self._place.field: key.reveal()}, ensure_ascii=False)
        # Another field of the same secret, or a change by somebody else, is another version.
        version = uuid5(delivery.rotation_id, f"{self._place.field}#{found.version}")
        self._put(key, text, str(version), redactions=list(texts(members)))

    def _put(self, key: Secret, text: str, version: str, redactions: Sequence[str] = ()) -> None:
        body = {"ClientRequestToken": version, "SecretString": text}
        answer = self._call("PutSecretValue", hide=[key], **body)
        self._require_success(answer, [key.reveal(), *redactions])
        stages = answer.member("VersionStages")
        if answer.text("VersionId") != version:
            raise StoreRefusedError("AWS Secrets Manager did not return the version that was sent")
        if isinstance(stages, list) and stages and _CURRENT not in stages:
            raise StoreRefusedError(f"version {version} is no longer the current one")

    def _found(self) -> _Found:
        answer = self._call("GetSecretValue")
        if error_name(answer) == _NOT_FOUND:
            return _Found()  # a secret that has no value yet
        if not_allowed(answer) and not self._place.field:
            return _Found(may_read=False)
        text = self._require_success(answer).member("SecretString")
        return _Found(text if isinstance(text, str) else None, answer.text("VersionId"))

    def _members(self, found: _Found) -> dict[str, object]:
        """Return the members of the secret; none where it has no value yet."""
        if not found.version:
            return {}
        try:
            members = json.loads(found.text or "")
        except (ValueError, RecursionError):
            members = None
        if not isinstance(members, dict):
            raise StoreRefusedError("the secret is not a JSON object, so it has no fields")
        require_writable(members)
        return members

    def _require_success(self, answer: Answer, redactions: Sequence[str] = ()) -> Answer:
        return self._manager.require_success(answer, self._place.needs, redactions=redactions)

    def _call(self, action: str, *, hide: Sequence[Secret] = (), **body: str) -> Answer:
        named: Json = {"SecretId": self._place.secret, **body}
        return self._manager.invoke(f"secretsmanager.{action}", named, hide=hide)


def _place(argument: str) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    name, settings = read_argument(KIND, argument, _SETTINGS)
    require_name(KIND, name, _NAME, "a name of letters, digits and /_+=.@-, or an ARN")
    field = settings.get("field", "")
    if field:
        require_name(f"{KIND}: field=", field, _FIELD, "ASCII characters except space, # and comma")
    return _Place(name, field, settings)
