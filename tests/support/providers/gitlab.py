"""GitLab's CI/CD variables of projects and groups, as GitLab describes and documents them.

Where both are silent, it does what GitLab's published source does: all three are
named in ``tests/data/gitlab_api.json``. All projects and groups are private.
"""

from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal

from support.providers.exchange import Call, Reply, fail
from support.providers.gitlab_variables import (
    EVERYWHERE,
    Owner,
    RefusedError,
    body_of,
    create,
    pick,
    read_members,
    shown,
    update,
)
from support.providers.openapi import Description
from support.providers.standin import StandIn
from support.tls import Certificate

Kind = Literal["personal", "project", "group", "job"]
State = Literal["active", "expired", "revoked"]

DESCRIPTION = Path(__file__).parents[2] / "data" / "gitlab_api.json"
ROLES = {"guest": 10, "reporter": 20, "developer": 30, "maintainer": 40, "owner": 50}
NEEDED = {"projects": "maintainer", "groups": "owner"}
# What `RateLimit-Limit` says; only `throttle` ever makes GitLab refuse.
QUOTA = 2000
GONE = {
    "expired": "Token is expired. You can either do re-authorization or token refresh.",
    "revoked": "Token was revoked. You have to re-authorize from the user.",
}
WEAK = "The request requires higher privileges than provided by the access token."
AMBIGUOUS = (
    "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'"
)


@dataclass(frozen=True)
class Token:
    """What a token may do: ``roles`` by the path of a project or group."""

    text: str
    kind: Kind
    scopes: tuple[str, ...]
    roles: dict[str, str]
    state: State
    ends: str = ""
    """A date; empty: never."""


class GitLab(StandIn):
    """GitLab with one project, ``acme/app`` (7), in the group ``acme`` (3), and no tokens."""

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.api = f"{self.url}/api/v4"
        self.tokens: list[Token] = []
        self.owners: list[Owner] = []
        self._description = Description(DESCRIPTION, generally=(405, 415))
        self.add_group("acme", 3)
        self.add_project("acme/app", 7)

    def add_project(self, path: str, number: int) -> None:
        """Set up a project."""
        self.owners.append(Owner("projects", number, path))

    def add_group(self, path: str, number: int) -> None:
        """Set up a group."""
        self.owners.append(Owner("groups", number, path))

    def add_token(
        self,
        text: str = "glpat-AAAAAAAAAAAAAAAAAAAA",
        *,
        kind: Kind = "project",
        scopes: tuple[str, ...] = ("api",),
        roles: dict[str, str] | None = None,
        state: State = "active",
    ) -> str:
        """Issue a token, as a maintainer of ``acme/app`` if nothing else is said."""
        roles = {"acme/app": "maintainer"} if roles is None else roles
        if kind in {"project", "group"} and len(roles) != 1:
            raise ValueError(f"a {kind} access token belongs to one {kind}")
        self.tokens.append(Token(text, kind, scopes, roles, state))
        return text

    def set_variable(self, owner: str, key: str, value: str, **members: object) -> None:
        """Put a variable there, as somebody did in the settings page."""
        blank = {"description": None, "environment_scope": EVERYWHERE, "variable_type": "env_var"}
        flags = dict.fromkeys(("hidden", "masked", "protected", "raw"), False)
        with self.lock:
            kept = self._by_path(owner).variables
            kept.append(blank | flags | {"key": key, "value": value} | members)

    def variable(self, owner: str, key: str, scope: str = EVERYWHERE) -> dict[str, Any]:
        """Return a variable as it is, a hidden one with its value."""
        with self.lock:
            return dict(pick(self._by_path(owner).variables, key, scope)[0])

    def throttle(self, seconds: int = 1, *, times: int = 1) -> None:
        """Refuse the next calls: too many of them."""
        reset = self.now() + timedelta(seconds=seconds)
        headers = self._quota(reset.timestamp()) | {
            "Content-Type": "text/plain",
            "RateLimit-Remaining": "0",
            "RateLimit-ResetTime": format_datetime(reset, usegmt=True),
            "Retry-After": str(seconds),
        }
        self.faults.append(fail("", "", 429, headers=headers, body=b"Retry later", times=times))

    def handle(self, call: Call) -> Reply:
        """Answer a call, and check both sides of it."""
        self._check_url(call)
        try:
            reply = self._serve(call)
        except RefusedError as refused:
            reply = refused.reply
        reply.headers |= self._quota((self.now() + timedelta(minutes=1)).timestamp())
        for text in self._description.check(
            call.method, call.path, body_of(call), reply.status, reply.body
        ):
            self.violation(text)
        if reply.status == 415:
            self.violation(f"{call.method} {call.route}: {reply.body}")
        return reply

    def _quota(self, reset: float) -> dict[str, str]:
        seen = len(self.requests) + 1
        return {
            "RateLimit-Limit": str(QUOTA),
            "RateLimit-Name": "throttle_authenticated_api",
            "RateLimit-Observed": str(seen),
            "RateLimit-Remaining": str(max(QUOTA - seen, 0)),
            "RateLimit-Reset": str(int(reset)),
        }

    def _check_url(self, call: Call) -> None:
        # GitLab would take both from the URL; but URLs stand in the logs of every proxy.
        if "value" in call.query or any(each.text in call.path for each in self.tokens):
            self.violation(f"{call.method} {call.route}: a secret in the URL")

    def _serve(self, call: Call) -> Reply:
        parts = call.segments
        if (call.method, parts[2:]) == ("GET", ["personal_access_tokens", "self"]):
            return Reply(200, _described(self._token(call)))
        if parts[:2] != ["api", "v4"] or len(parts) not in {5, 6} or parts[4] != "variables":
            raise RefusedError(404, {"error": "404 Not Found"})
        token = self._token(call)
        if not self._suffices(token, call.method):
            wanted = "api read_api" if call.method == "GET" else "api"
            weak = {"error": "insufficient_scope", "error_description": WEAK, "scope": wanted}
            raise RefusedError(403, weak)
        owner = self._owner(token, parts[2], parts[3])
        members = read_members(call)
        if len(parts) == 5 and call.method == "POST":
            return create(owner, members)
        if len(parts) == 6 and call.method in {"GET", "PUT"}:
            found = self._find(owner, parts[5], members.get("filter"), call.method)
            return (
                Reply(200, shown(found)) if call.method == "GET" else update(owner, found, members)
            )
        raise RefusedError(405, {"error": "405 Not Allowed"})

    def _token(self, call: Call) -> Token:
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        text = call.headers.get("private-token", bearer)
        token = next((each for each in self.tokens if each.text == text), None)
        # A job's token opens a short list of routes; those of the variables are not on it.
        if token is None or token.kind == "job":
            raise RefusedError(401, {"message": "401 Unauthorized"})
        if token.state != "active":
            gone = {"error": "invalid_token", "error_description": GONE[token.state]}
            raise RefusedError(401, gone)
        return token

    @staticmethod
    def _suffices(token: Token, method: str) -> bool:
        return "api" in token.scopes or (method == "GET" and "read_api" in token.scopes)

    def _owner(self, token: Token, kind: str, name: str) -> Owner:
        noun = {"projects": "Project", "groups": "Group"}.get(kind)
        if noun is None:
            raise RefusedError(404, {"error": "404 Not Found"})
        for owner in self.owners:
            if owner.kind == kind and name in {str(owner.number), owner.path}:
                role = self._role(token, owner.path)
                if role and role < ROLES[NEEDED[kind]]:
                    raise RefusedError(403, {"message": "403 Forbidden"})
                if role:
                    return owner
        raise RefusedError(404, {"message": f"404 {noun} Not Found"})

    @staticmethod
    def _role(token: Token, path: str) -> int:
        """Who has a role in a group has it in all that is below."""
        names = path.split("/")
        above = ["/".join(names[: count + 1]) for count in range(len(names))]
        return max(ROLES[token.roles[each]] if each in token.roles else 0 for each in above)

    @staticmethod
    def _find(owner: Owner, key: str, scope: str | None, method: str) -> dict[str, Any]:
        found = pick(owner.variables, key, scope)
        if not found:
            noun = "Variable" if owner.kind == "projects" else "GroupVariable"
            raise RefusedError(404, {"message": f"404 {noun} Not Found"})
        # Of a group's variables, a PUT without filter changes any one, so as not to
        # break older clients.
        any_will_do = owner.kind == "groups" and method == "PUT" and scope is None
        if len(found) > 1 and not any_will_do:
            raise RefusedError(409, {"message": AMBIGUOUS})
        return found[0]

    def _by_path(self, path: str) -> Owner:
        return next(each for each in self.owners if each.path == path)


def _described(token: Token) -> dict[str, Any]:
    """Tell a token of itself. The page demands no scope for that."""
    unknown = dict.fromkeys(("description", "last_used_at")) | {"expires_at": token.ends or None}
    about = {"id": 1, "user_id": 1, "name": "rotation", "created_at": "2025-01-01T00:00:00.000Z"}
    state = {"scopes": list(token.scopes), "active": True, "revoked": False, "granular": False}
    return unknown | about | state | {"last_used_ips": [], "granular_scopes": []}
