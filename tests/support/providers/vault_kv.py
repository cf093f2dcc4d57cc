"""Vault's KV engine, versions 1 and 2: what it stores, and what it makes of a request."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.providers.exchange import Call, Reply

# How many versions stay where neither mount nor secret says it.
KEPT = 10
MERGE_PATCH = "application/merge-patch+json"
UNSUPPORTED = "1 error occurred:\n\t* unsupported operation\n\n"


class RefusedError(Exception):
    """Vault says no."""

    def __init__(self, status: int, *errors: str, **more: object) -> None:
        super().__init__(status, errors)
        self.reply = Reply(status, {"errors": list(errors), **more})


@dataclass
class Version:
    """One version of a secret."""

    data: dict[str, Any]
    created: str
    deleted: str = ""
    destroyed: bool = False

    @property
    def gone(self) -> bool:
        """Whether its data can no longer be read."""
        return bool(self.deleted) or self.destroyed


@dataclass
class Secret:
    """A secret's versions; ``current`` counts on when old ones are gone."""

    versions: dict[int, Version] = field(default_factory=dict)
    current: int = 0
    cas_required: bool = False
    max_versions: int = 0
    custom_metadata: dict[str, str] | None = None

    def metadata(self, number: int) -> dict[str, Any]:
        """Return what is told of a version."""
        version = self.versions[number]
        return {
            "created_time": version.created,
            "custom_metadata": self.custom_metadata,
            "deletion_time": version.deleted,
            "destroyed": version.destroyed,
            "version": number,
        }


@dataclass
class Engine:
    """A mounted KV engine, of version 1 (``plain``: no versions) or 2 (``secrets``)."""

    path: str
    time: Callable[[], str]
    version: int = 2
    cas_required: bool = False
    max_versions: int = 0
    secrets: dict[str, Secret] = field(default_factory=dict)
    plain: dict[str, dict[str, Any]] = field(default_factory=dict)

    def knows(self, path: str) -> bool:
        """Tell whether a path below the mount was written before."""
        if self.version == 1:
            return path in self.plain
        return path.partition("/")[2] in self.secrets

    def unversioned(self, call: Call, path: str) -> Reply:
        """Serve version 1. It takes any members, those meant for version 2 too, and says 204."""
        if call.method == "PATCH":
            raise RefusedError(405, UNSUPPORTED)
        if call.method != "GET":
            self.plain[path] = read_body(call)
            return Reply(204)
        if path not in self.plain:
            raise RefusedError(404)
        return Reply(200, envelope(self.plain[path]))

    def read(self, call: Call, name: str) -> Reply:
        """Serve a version; of one that is gone, what is known about it."""
        secret = self.secrets.get(name, Secret())
        number = int(call.query.get("version", "0")) or secret.current
        version = secret.versions.get(number)
        if version is None:
            raise RefusedError(404)
        data = {
            "data": None if version.gone else version.data,
            "metadata": secret.metadata(number),
        }
        return Reply(404 if version.gone else 200, envelope(data))

    def write(self, call: Call, name: str) -> Reply:
        """Add a version: all of its members (POST, PUT), or what changes (PATCH)."""
        medium = call.headers.get("content-type", "").partition(";")[0]
        if call.method == "PATCH" and medium != MERGE_PATCH:
            told = f"PATCH requires Content-Type of {MERGE_PATCH}, provided {medium}"
            raise RefusedError(415, told)
        body = read_body(call)
        data = body.get("data")
        if not isinstance(data, dict):
            raise RefusedError(400, "no data provided")
        secret = self.secrets.get(name, Secret())
        if call.method == "PATCH" and not secret.current:
            raise RefusedError(404)
        self._check_and_set(body.get("options") or {}, secret)
        if call.method == "PATCH":
            version = secret.versions[secret.current]
            if version.gone:
                return Reply(404, envelope(secret.metadata(secret.current)))
            data = _merged(version.data, data)
        self.secrets[name] = secret
        return Reply(200, envelope(secret.metadata(self.add(secret, data))))

    def add(self, secret: Secret, data: dict[str, Any]) -> int:
        """Add a version, and forget the oldest."""
        secret.current += 1
        secret.versions[secret.current] = Version(data, self.time())
        kept = max(secret.max_versions, self.max_versions) or KEPT
        for number in [each for each in secret.versions if each <= secret.current - kept]:
            del secret.versions[number]
        return secret.current

    def _check_and_set(self, options: dict[str, Any], secret: Secret) -> None:
        if "cas" in options:
            try:
                expected = int(options["cas"])
            except (TypeError, ValueError):
                raise RefusedError(400, "error parsing check-and-set parameter") from None
            if expected != secret.current:
                raise RefusedError(400, "check-and-set parameter did not match the current version")
        elif self.cas_required or secret.cas_required:
            raise RefusedError(400, "check-and-set parameter required for this call")


def _merged(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Apply a JSON merge patch (RFC 7396): null removes a member."""
    new = dict(old)
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        elif isinstance(value, dict):
            inner = new.get(name)
            new[name] = _merged(inner if isinstance(inner, dict) else {}, value)
        else:
            new[name] = value
    return new


def read_body(call: Call) -> dict[str, Any]:
    """Read a body, which must be a JSON object."""
    try:
        body = json.loads(call.body or b"{}")
    except ValueError as error:
        raise RefusedError(400, f"failed to parse JSON input: {error}") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "failed to parse JSON input: not an object")
    return body


def envelope(data: dict[str, Any]) -> dict[str, Any]:
    """Put data into what Vault puts around all of its answers."""
    return {
        "request_id": str(uuid.uuid4()),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }
