"""What GitLab makes of the parameters of a CI/CD variable."""

import re
from dataclasses import dataclass, field
from typing import Any

from support.providers.exchange import Call, Reply

FLAGS = ("masked", "masked_and_hidden", "protected", "raw")
TEXTS = ("key", "value", "description", "environment_scope", "variable_type")
SHOWN = (*TEXTS, "hidden", "masked", "protected", "raw")
MASKED = re.compile(r"[a-zA-Z0-9_+=/@:.~-]{8,}")
MASKED_RAW = re.compile(r"\S{8,}")
EVERYWHERE = "*"
JSON = "application/json"
STAYS_HIDDEN = "The visibility setting cannot be changed for masked and hidden variables."


@dataclass
class Owner:
    """A project or group, and its variables."""

    kind: str
    number: int
    path: str
    variables: list[dict[str, Any]] = field(default_factory=list)


class RefusedError(Exception):
    """GitLab says no."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status, body)
        self.reply = Reply(status, body)


def pick(variables: list[dict[str, Any]], key: str, scope: str | None) -> list[dict[str, Any]]:
    """Find variables; the scope is compared as text: ``*`` is no wildcard here."""
    return [
        each
        for each in variables
        if each["key"] == key and scope in {None, each["environment_scope"]}
    ]


def body_of(call: Call) -> dict[str, Any] | None:
    """Read a body. The published description has JSON alone, though GitLab takes forms, too."""
    if not call.body or _medium(call) != JSON:
        return None
    body = call.json
    return body if isinstance(body, dict) else {}


def _medium(call: Call) -> str:
    return call.headers.get("content-type", "").partition(";")[0]


def read_members(call: Call) -> dict[str, Any]:
    """Read the parameters GitLab declares, and drop all others, as GitLab does."""
    given = dict(call.query) | (body_of(call) or {})
    medium = _medium(call)
    if call.body and medium != JSON:
        raise RefusedError(
            415, {"error": f"The provided content-type '{medium}' is not supported."}
        )
    members: dict[str, Any] = {name: given[name] for name in TEXTS if name in given}
    members |= {name: _flag(name, given[name]) for name in FLAGS if name in given}
    scope = given.get("filter", {"environment_scope": given.get("filter[environment_scope]")})
    if not isinstance(scope, dict):
        raise RefusedError(400, {"error": "filter is invalid"})
    members["filter"] = scope.get("environment_scope")
    if members.get("variable_type", "file") not in {"env_var", "file"}:
        raise RefusedError(400, {"error": "variable_type does not have a valid value"})
    return members


def _flag(name: str, text: object) -> bool:
    if str(text).lower() not in {"true", "false"}:
        raise RefusedError(400, {"error": f"{name} is invalid"})
    return str(text).lower() == "true"


def create(owner: Owner, members: dict[str, Any]) -> Reply:
    """Make a variable."""
    missing = [f"{name} is missing" for name in ("key", "value") if name not in members]
    if missing:
        raise RefusedError(400, {"error": ", ".join(missing)})
    hidden = members.pop("masked_and_hidden", False)
    made = {"environment_scope": EVERYWHERE, "variable_type": "env_var", "description": None}
    made |= dict.fromkeys(("masked", "protected", "raw"), False) | members
    made |= {"hidden": hidden, "masked": hidden or made["masked"]}
    del made["filter"]
    _validate(made, others=owner.variables)
    owner.variables.append(made)
    return Reply(201, shown(made))


def update(owner: Owner, found: dict[str, Any], members: dict[str, Any]) -> Reply:
    """Change what is given; all that is omitted stays."""
    kept = {"key", "filter", "masked_and_hidden"}
    changed = found | {name: member for name, member in members.items() if name not in kept}
    if found["hidden"] and changed["masked"] != found["masked"]:
        raise RefusedError(400, {"message": {"base": [STAYS_HIDDEN]}})
    _validate(changed, others=[each for each in owner.variables if each is not found])
    found.update(changed)
    return Reply(200, shown(found))


def _validate(made: dict[str, Any], *, others: list[dict[str, Any]]) -> None:
    errors: dict[str, list[str]] = {}
    if not re.fullmatch(r"[A-Za-z0-9_]+", made["key"]):
        errors["key"] = ["can contain only letters, digits and '_'."]
    if len(made["key"]) > 255:
        errors["key"] = ["is too long (maximum is 255 characters)"]
    if pick(others, made["key"], made["environment_scope"]):
        errors["key"] = [f"({made['key']}) has already been taken"]
    rule = MASKED_RAW if made["raw"] else MASKED
    if made["masked"] and not rule.fullmatch(made["value"]):
        errors["value"] = ["is invalid"]
    if errors:
        raise RefusedError(400, {"message": errors})


def shown(variable: dict[str, Any]) -> dict[str, Any]:
    """Return what the API tells of a variable: of a hidden one no value."""
    told = {name: variable[name] for name in SHOWN}
    return told | ({"value": None} if variable["hidden"] else {})
