"""Buildkite's cluster secrets, as the page of its REST API tells them.

The page gives neither the statuses of the two refusals it words nor the bodies of
others; what stands here for those is in ``tests/data/buildkite_api.json`` as 4xx
with a ``message``, and a test should not look deeper.
"""

import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.providers.exchange import Call, Reply, fail
from support.providers.openapi import Description
from support.providers.standin import StandIn
from support.tls import Certificate

DESCRIPTION = Path(__file__).parents[2] / "data" / "buildkite_api.json"
LARGEST_VALUE = 8 * 1024 - 1
KEY = re.compile(r"(?!(?i:bk|buildkite))[A-Za-z][A-Za-z0-9_]{0,254}")
PERSON = {"id": str(uuid.UUID(int=2)), "name": "Staff", "email": "staff@example.com"}


@dataclass(frozen=True)
class Token:
    """A token's scopes; ``maintainer``: its user maintains the cluster or the organization."""

    scopes: tuple[str, ...]
    maintainer: bool


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.reply = Reply(status, {"message": message})


class Buildkite(StandIn):
    """Buildkite with the organization ``acme``, one cluster in it, and no tokens."""

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.api = f"{self.url}/v2"
        self.organization = "acme"
        self.cluster = str(uuid.UUID(int=1))
        self.tokens: dict[str, Token] = {}
        self._secrets: list[dict[str, Any]] = []
        self._description = Description(DESCRIPTION)

    def add_token(
        self,
        text: str = "bkua_AAAAAAAAAAAAAAAAAAAA",
        *,
        scopes: tuple[str, ...] = ("read_secret_details", "write_secrets"),
        maintainer: bool = True,
    ) -> str:
        """Issue a token."""
        self.tokens[text] = Token(scopes, maintainer)
        return text

    def add_secret(
        self, key: str, value: str, *, description: str | None = None, policy: str | None = None
    ) -> str:
        """Store a secret, as somebody did in the settings page, and return its id."""
        members = {"key": key, "value": value, "description": description, "policy": policy}
        with self.lock:
            return str(self._create(members)["id"])

    def secret(self, key: str) -> dict[str, Any]:
        """Return a secret with its value, which the API never tells."""
        with self.lock:
            return dict(next(each for each in self._secrets if each["key"] == key))

    def throttle(self, seconds: int = 1, *, times: int = 1) -> None:
        """Refuse the next calls; ``RateLimit-Reset`` tells seconds, not a time."""
        limits = {"RateLimit-Remaining": "0", "RateLimit-Limit": "200"}
        headers = limits | {"RateLimit-Reset": str(seconds)}
        body = {"message": "You have exceeded your API rate limit."}
        self.faults.append(fail("", "", 429, headers=headers, body=body, times=times))

    def handle(self, call: Call) -> Reply:
        """Answer a call, and check both sides of it."""
        if any(text in call.path for text in self.tokens):
            self.violation(f"{call.method} {call.route}: a token in the URL")
        body = call.json if call.body else None
        try:
            reply = self._serve(call, body or {})
        except _RefusedError as refused:
            reply = refused.reply
        for text in self._description.check(call.method, call.path, body, reply.status, reply.body):
            self.violation(text)
        if call.body and not call.headers.get("content-type", "").startswith("application/json"):
            self.violation(f"{call.method} {call.route}: a body that is not said to be JSON")
        return reply

    def _serve(self, call: Call, body: dict[str, Any]) -> Reply:
        match call.segments:
            case ["v2", "access-token"] if call.method == "GET":
                scopes = list(self._token(call).scopes)  # whatever they are
                return Reply(200, {"uuid": str(uuid.UUID(int=3)), "scopes": scopes})
            case ["v2", "organizations", organization, "clusters", cluster, "secrets", *rest]:
                self._authorize(call)
                if (organization, cluster) != (self.organization, self.cluster):
                    raise _RefusedError(404, "Not Found")
            case _:
                raise _RefusedError(404, "Not Found")
        match (call.method, rest):
            case ("GET", []):
                return self._list(call)
            case ("POST", []):
                return Reply(201, _shown(self._create(body)))
            case ("GET", [each]):
                return Reply(200, _shown(self._by_id(each)))
            case ("PUT", [each]):
                return self._update(self._by_id(each), body)
            case ("PUT", [each, "value"]):
                found = self._by_id(each)
                _check_value(body.get("value"))
                return self._changed(found, {"value": body["value"]})
        raise _RefusedError(404, "Not Found")

    def _token(self, call: Call) -> Token:
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        token = self.tokens.get(text)
        if scheme != "Bearer" or token is None:
            raise _RefusedError(
                401, "Authentication required. Please supply a valid API Access Token"
            )
        return token

    def _authorize(self, call: Call) -> None:
        token = self._token(call)
        needed = "read_secret_details" if call.method == "GET" else "write_secrets"
        if needed not in token.scopes or not token.maintainer:
            raise _RefusedError(403, "Forbidden")

    def _by_id(self, wanted: str) -> dict[str, Any]:
        for each in self._secrets:
            if each["id"] == wanted:
                return each
        raise _RefusedError(404, "Not Found")

    def _list(self, call: Call) -> Reply:
        page, size = int(call.query.get("page", "1")), int(call.query.get("per_page", "30"))
        shown = [_shown(each) for each in self._secrets[(page - 1) * size : page * size]]
        more = len(self._secrets) > page * size
        following = f"{self.url}{call.route}?page={page + 1}&per_page={size}"
        return Reply(200, shown, {"Link": f'<{following}>; rel="next"'} if more else {})

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        key = body.get("key", "")
        if not KEY.fullmatch(key) or any(each["key"] == key for each in self._secrets):
            raise _RefusedError(422, "Validation Failed")
        if "value" in body:
            _check_value(body["value"])
        cluster = f"{self.api}/organizations/{self.organization}/clusters/{self.cluster}"
        own = str(uuid.uuid4())
        made = {
            "id": own,
            "key": key,
            "value": body.get("value"),
            "description": body.get("description"),
            "policy": body.get("policy"),
            "created_at": self._time(),
            "created_by": PERSON,
            "updated_at": self._time(),
            "updated_by": None,
            "last_read_at": None,
            "url": f"{cluster}/secrets/{own}",
            "cluster_url": cluster,
            "organization": {"slug": self.organization},
        }
        self._secrets.append(made)
        return made

    def _update(self, found: dict[str, Any], body: dict[str, Any]) -> Reply:
        if "key" in body:
            raise _RefusedError(422, "The key parameter cannot be updated.")
        if "value" in body:
            raise _RefusedError(422, "The value parameter cannot be updated on this endpoint.")
        kept: dict[str, Any] = {
            name: body[name] for name in ("description", "policy") if name in body
        }
        return self._changed(found, kept)

    def _changed(self, found: dict[str, Any], members: dict[str, Any]) -> Reply:
        found.update(members, updated_at=self._time(), updated_by=PERSON)
        return Reply(200, _shown(found))

    def _time(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _check_value(value: object) -> None:
    if not isinstance(value, str) or not value.strip() or len(value.encode()) > LARGEST_VALUE:
        raise _RefusedError(422, "Validation Failed")


def _shown(secret: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in secret.items() if name != "value"}
