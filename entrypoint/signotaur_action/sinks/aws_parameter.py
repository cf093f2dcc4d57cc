"""The key as a SecureString parameter of AWS Systems Manager.

https://docs.aws.amazon.com/systems-manager/latest/APIReference. A write that names no KMS key
takes the account's default one, so the parameter's own is looked up and named again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signotaur_action.http import Answer
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.stores.aws import NEXT, AwsService, not_allowed
from signotaur_action.sinks.stores.aws_access import error_name
from signotaur_wire.members import Json

KIND = "aws-parameter"
_SETTINGS = ("key", "region")
_NAME = r"[A-Za-z0-9/_.:-]{1,2048}"
"""A name, a path or an ARN."""
_KMS_KEY = r"[A-Za-z0-9/_:-]{1,2048}"
_TYPE = "SecureString"
_NEEDS = "ssm:PutParameter on it"


@dataclass(frozen=True)
class _Found:
    """The parameter as it is; value None: there is none, or none that may be read."""

    value: Secret | None = None
    exists: bool = False
    may_read: bool = True


class AwsParameterSink:
    """``aws-parameter:NAME`` with ``key=`` and ``region=``."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._parameter, self._settings = _place(argument)
        self._manager = AwsService(KIND, "ssm", "SSM", self._settings, context)
        self.name = f"AWS parameter {self._parameter}, region {self._manager.region}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Amazon does not tell who may write before somebody writes."""
        with check_faults(self.name, NEXT):
            found = self._found()
            described = self._described()
            kept = self._kept(described)
        return [*self._concerns(found, kept), *self._manager.session_concerns(described)]

    def token_concerns(self) -> Sequence[str]:
        """See ``ports.TokenHolder``."""
        if self._manager.signs_in:
            return []
        with check_faults(self.name, NEXT):
            return self._manager.session_concerns(self._described())

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            if self._found().value == delivery.key:
                return  # the answer to an earlier try was lost
            self._put(delivery.key)

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. None where the policy does not let the parameter be read."""
        with delivery_faults(self.name, "read"):
            return self._found().value

    def _concerns(self, found: _Found, kept: Mapping[str, str] | None) -> list[str]:
        if found.may_read and not found.exists:
            return [f"{self.name} does not exist yet; it will be created."]
        concerns = []
        if not found.may_read:
            concerns.append(f"{self.name} cannot be read; the delivery is verified by its version.")
        if kept is None and "key" not in self._settings:
            concerns.append(
                f"{self.name}: ssm:DescribeParameters is not allowed, so the account's default KMS "
                "key will encrypt it, unless key= names another one."
            )
        return concerns

    def _put(self, key: Secret) -> None:
        body: Json = {
            "Value": key.reveal(),
            "Type": _TYPE,
            "Overwrite": True,
            **(self._kept(self._described()) or {}),
        }
        if "key" in self._settings:
            body["KeyId"] = self._settings["key"]
        answer = self._call("PutParameter", hide=[key], Name=self._parameter, **body)
        self._manager.require_success(answer, _NEEDS)
        version = answer.member("Version")
        if not isinstance(version, int) or version < 1:
            raise StoreRefusedError("AWS SSM did not return the version of the parameter")

    def _found(self) -> _Found:
        answer = self._call("GetParameter", Name=self._parameter, WithDecryption=True)
        if error_name(answer) == "ParameterNotFound":
            return _Found()
        if not_allowed(answer):
            return _Found(may_read=False)
        parameter = self._manager.require_success(answer, _NEEDS).member("Parameter")
        members = parameter if isinstance(parameter, dict) else {}
        value = members.get("Value")
        if members.get("Type") != _TYPE or not isinstance(value, str):
            raise StoreRefusedError(
                f"the parameter is not a {_TYPE}, so its value is not encrypted; delete it first"
            )
        return _Found(Secret(value) if value else None, exists=True)

    def _described(self) -> Answer:
        name = self._parameter.rpartition(":parameter")[2]  # of an ARN, the path in it
        only = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
        return self._call("DescribeParameters", ParameterFilters=only)

    def _kept(self, answer: Answer) -> Mapping[str, str] | None:
        """Return what a write must say to keep it; None where it may not be known."""
        if not_allowed(answer):
            return None
        found = self._manager.require_success(answer, "ssm:DescribeParameters").member("Parameters")
        members = found[0] if isinstance(found, list) and found else {}
        named = ((each, members.get(each)) for each in ("KeyId", "Tier"))
        return {name: value for name, value in named if isinstance(value, str) and value}

    def _call(self, action: str, *, hide: Sequence[Secret] = (), **body: object) -> Answer:
        return self._manager.invoke(f"AmazonSSM.{action}", body, hide=hide)


def _place(argument: str) -> tuple[str, Mapping[str, str]]:
    """Read an ``--emit-secret``. Raises SinkError."""
    name, settings = read_argument(KIND, argument, _SETTINGS)
    require_name(KIND, name, _NAME, "a name of letters, digits and /_.-, or an ARN")
    if "key" in settings:
        require_name(
            f"{KIND}: key=", settings["key"], _KMS_KEY, "the id, alias or ARN of a KMS key"
        )
    return name, settings
