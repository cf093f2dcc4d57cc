"""The key as a field of a secret of HashiCorp Vault or OpenBao: the KV secrets engine, version 2.

https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2. A write replaces all fields, so
the others are read and written again, with check-and-set: no other change is lost. They are
secrets, too, and appear in no message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signotaur_action.http import Answer
from signotaur_action.http.address import join_path
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError, read_argument, require_name
from signotaur_action.sinks.errors import StoreRefusedError, check_faults, delivery_faults
from signotaur_action.sinks.sign_in.vault_login import METHOD
from signotaur_action.sinks.stores.members import require_writable, texts
from signotaur_action.sinks.stores.store import FORBIDDEN, NOT_FOUND, collect_faults
from signotaur_action.sinks.stores.token_end import ends_soon, is_refused
from signotaur_action.sinks.stores.vault_access import KIND, vault_store, vault_variables

_SETTINGS = ("mount",)
_PART = r"(?!\.{1,2}(?:/|$))[^/,\x00-\x20\x7f-\U0010ffff]+"
"""Visible ASCII; not . or .., which would lead to another path."""
_PATH = rf"{_PART}(?:/{_PART})*(?<!\.)"
_FIELD = r"[^#,\x00-\x20\x7f-\U0010ffff]+"
_TRIES = 5
"""How often others may write the secret between our reading and our writing."""
_OWN_TOKEN = "/v1/auth/token/lookup-self"  # noqa: S105 - a path
_SHORT_LIFE = 14 * 24 * 3600
"""Seconds. A token of a sign-in ends sooner than this by design."""
_NOT_CURRENT = "check-and-set parameter did not match"


@dataclass(frozen=True)
class _Place:
    """Which field of which secret."""

    mount: str
    path: str
    field: str

    @property
    def policy_path(self) -> str:
        """The path that a policy speaks of."""
        return f"{self.mount}/data/{self.path}"

    @property
    def needs(self) -> str:
        return f"read, create and update on {self.policy_path}"

    @property
    def data(self) -> str:
        return join_path("v1", *self.policy_path.split("/"))

    @property
    def mount_information(self) -> str:
        whole = f"{self.mount}/{self.path}"
        return join_path("v1", "sys", "internal", "ui", "mounts", *whole.split("/"))


@dataclass(frozen=True)
class _Found:
    """The newest version of a secret; version 0: there never was one."""

    fields: Mapping[str, object]
    version: int
    deleted: bool = False

    def holds(self, field: str, key: Secret) -> bool:
        """Whether the field is this key."""
        value = self.fields.get(field)
        return isinstance(value, str) and Secret(value) == key


class VaultSink:
    """``vault:PATH#FIELD``; the mount is PATH's first part, or ``mount=`` and none of PATH."""

    durable = True

    def __init__(self, argument: str, context: SinkContext) -> None:
        self._place, self._vault = collect_faults(
            lambda: _place(argument), lambda: vault_store(context)
        )
        names = vault_variables(context.environ)
        signs_in = bool(context.environ.get(METHOD))
        access = "the VAULT_AUTH_ variables, the rules of the role" if signs_in else names["TOKEN"]
        self._next = (
            f"Fix {names['ADDR']}, {access} or the token's policy, then run the command again."
        )
        namespace = context.environ.get(names["NAMESPACE"], "").strip("/")
        within = f", namespace {namespace}" if namespace else ""
        place = self._place
        self.name = f"Vault secret {place.mount}/{place.path}, field {place.field}{within}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``."""
        with check_faults(self.name, self._next):
            found = self._found()
            if not found.version:
                self._require_versions()
            self._require_right("update" if found.version else "create")
            token = self._vault.call("GET", _OWN_TOKEN)
            return [*self._concerns(found), *self._token_concerns(token)]

    def token_concerns(self) -> Sequence[str]:
        """See ``ports.TokenHolder``. A good token may lack the right to look at itself."""
        if self._vault.signs_in:
            return []
        with check_faults(self.name, self._next):
            token = self._vault.call("GET", _OWN_TOKEN)
            if not token.refused:
                return self._token_concerns(token)
            if self._vault.denied(self._vault.call("GET", self._place.data)):
                return is_refused("Vault")
            self._vault.require_success(token, "read on auth/token/lookup-self")
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            self._write(delivery.key)

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name, "read"):
            value = self._found().fields.get(self._place.field)
        return Secret(value) if isinstance(value, str) and value else None

    # The check

    def _require_versions(self) -> None:
        """Refuse an engine of version 1: it would take what is sent, and store it as it is.

        If the secret exists, its version shows it. This path is the one that Vault's own
        command line asks.
        """
        answer = self._vault.call("GET", self._place.mount_information)
        data = answer.member("data")
        engine = data if isinstance(data, dict) else {}
        options = engine.get("options")
        version = options.get("version") if isinstance(options, dict) else None
        if answer.refused:
            raise StoreRefusedError(
                "the secret does not exist yet, and Vault does not say whether "
                f"{self._place.mount} is a KV version 2 engine; create the secret first, with any "
                "value"
            )
        if version != "2":
            raise StoreRefusedError(f"{self._place.mount} is not a KV version 2 engine")

    def _require_right(self, right: str) -> None:
        path = self._place.policy_path
        answer = self._vault.call("POST", "/v1/sys/capabilities-self", {"paths": [path]})
        if answer.status in (FORBIDDEN, NOT_FOUND):
            return  # a token without the right to ask for its rights is fine
        rights = self._vault.require_success(answer, self._place.needs).member("capabilities")
        if not {right, "root"}.intersection(rights if isinstance(rights, list) else ()):
            raise StoreRefusedError(f"the token's policy lacks {right} on {path}")

    def _concerns(self, found: _Found) -> Sequence[str]:
        if not found.version:
            return [f"{self.name} does not exist yet; the secret will be created."]
        if found.deleted:
            return [f"{self.name}: the newest version is deleted; the next has only this field."]
        if self._place.field not in found.fields:
            return [f"{self.name}: the secret does not have this field yet; it will be added."]
        return []

    def _token_concerns(self, answer: Answer) -> Sequence[str]:
        """Warn of a token that ends; one that was made for less than the warning's time is fine."""
        data = answer.member("data")
        about = data if isinstance(data, dict) else {}
        lifetime, left = about.get("creation_ttl"), about.get("ttl")
        if not (isinstance(lifetime, int) and isinstance(left, int)) or lifetime <= _SHORT_LIFE:
            return []
        return ends_soon("Vault", answer.later(left) if left else None, answer.server_time)

    # The delivery

    def _write(self, key: Secret) -> None:
        for _ in range(_TRIES):
            found = self._found()
            if found.holds(self._place.field, key):
                return  # the answer to an earlier try was lost
            answer = self._post(key, found)
            if _NOT_CURRENT in self._vault.error_text(answer):
                continue
            redactions = [key.reveal(), *texts(found.fields)]
            self._vault.require_success(answer, self._place.needs, redactions=redactions)
            if _version(answer.member("data")) is None:
                raise StoreRefusedError(
                    "Vault returned no version of it: it is not a KV version 2 engine"
                )
            return
        raise StoreRefusedError("the secret kept changing while it was being written")

    def _post(self, key: Secret, found: _Found) -> Answer:
        body = {
            "options": {"cas": found.version},
            "data": {**found.fields, self._place.field: key.reveal()},
        }
        return self._vault.call("POST", self._place.data, body, hide=[key])

    def _found(self) -> _Found:
        answer = self._vault.call("GET", self._place.data)
        data = answer.member("data")
        members = data if isinstance(data, dict) else {}
        version = _version(members.get("metadata"))
        if answer.status == NOT_FOUND:
            if version is not None:
                return _Found({}, version, deleted=True)
            if answer.member("errors") == []:
                return _Found({}, 0)
        self._vault.require_success(answer, self._place.needs)
        fields = members.get("data")
        if version is None or not isinstance(fields, dict):
            raise StoreRefusedError(f"{self._place.mount} is not a KV version 2 engine")
        require_writable(fields)
        return _Found(fields, version)


def _place(argument: str) -> _Place:
    """Read an ``--emit-secret``. Raises SinkError."""
    text, settings = read_argument(KIND, argument, _SETTINGS)
    whole, _, field = text.rpartition("#")
    if not whole:
        raise SinkError(f"{KIND}: needs PATH#FIELD")
    require_name(KIND, field, _FIELD, "a field after #: ASCII characters except space, # and comma")
    first, _, rest = whole.partition("/")
    mount, path = (settings["mount"].strip("/"), whole) if "mount" in settings else (first, rest)
    if not path:
        raise SinkError(f"{KIND}: needs MOUNT/PATH#FIELD, or mount=")
    require_name(f"{KIND}: path", path, _PATH, "names with slashes between them")
    require_name(f"{KIND}: mount", mount, _PATH, "names with slashes between them")
    return _Place(mount, path, field)


def _version(metadata: object) -> int | None:
    version = metadata.get("version") if isinstance(metadata, dict) else None
    return version if isinstance(version, int) else None
