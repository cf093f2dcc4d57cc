"""Compares what goes over the wire with a service's published OpenAPI description."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_BASE = "urn:description"
_JSON = "application/json"


class Description:
    """The operations of an OpenAPI 3.0 description, checked strictly.

    ``generally`` names the statuses that the service documents once for all its
    operations, and whose bodies the description therefore does not give.
    """

    def __init__(self, path: Path, generally: Iterable[int] = ()) -> None:
        self._document = _modern(json.loads(path.read_text()))
        self._generally = frozenset(generally)
        registry: Registry[Any] = Registry()
        resource = DRAFT202012.create_resource(self._document)
        self._registry = registry.with_resource(_BASE, resource)
        # A path without parameters wins over one that only fits with them.
        templates = sorted(self._document["paths"], key=lambda each: each.count("{"))
        self._routes = [(re.compile(_pattern(each)), each) for each in templates]

    def operation(self, method: str, path: str) -> tuple[str, ...] | None:
        """Return the place of an operation in the document, or None."""
        route = urlsplit(path).path
        for pattern, template in self._routes:
            if pattern.fullmatch(route):
                place = ("paths", template, method.lower())
                return place if place[-1] in self._document["paths"][template] else None
        return None

    def check(self, method: str, path: str, request: Any, status: int, response: Any) -> list[str]:
        """Return what does not fit; bodies are parsed JSON, or None where there is none."""
        place = self.operation(method, path)
        answered = [] if place is None else self._check_response(place, status, response)
        return [
            *self.check_request(method, path, request),
            *(f"{method} {path}: {each}" for each in answered),
        ]

    def check_request(self, method: str, path: str, request: Any) -> list[str]:
        """Return what does not fit in a request alone."""
        place = self.operation(method, path)
        if place is None:
            return [f"{method} {path}: no such operation"]
        problems = [*self._check_query(place, path), *self._check_request(place, request)]
        return [f"{method} {path}: {each}" for each in problems]

    def _check_query(self, place: tuple[str, ...], path: str) -> list[str]:
        known = {
            parameter["name"]: (*there, "schema")
            for there, parameter in self._parameters(place)
            if parameter["in"] == "query"
        }
        problems = []
        for name, text in parse_qsl(urlsplit(path).query, keep_blank_values=True):
            if name not in known:
                problems.append(f"no query parameter {name!r}")
                continue
            _, schema = self._resolved(known[name])
            value = int(text) if schema.get("type") == "integer" and text.isdigit() else text
            problems += self._mismatches(known[name], value, f"query parameter {name}")
        return problems

    def _check_request(self, place: tuple[str, ...], body: Any) -> list[str]:
        there, declared = self._resolved((*place, "requestBody"))
        if declared is None:
            return ["a body where none is described"] if body is not None else []
        if body is None:
            return ["no body"] if declared.get("required") else []
        schema_place = (*there, "content", _JSON, "schema")
        problems = self._mismatches(schema_place, body, "request body")
        # The service itself lets unknown members pass; ours are mistakes.
        _, schema = self._resolved(schema_place)
        if isinstance(body, dict) and "properties" in schema:
            unknown = sorted(body.keys() - schema["properties"].keys())
            problems += [f"request body has the unknown member {each!r}" for each in unknown]
        return problems

    def _check_response(self, place: tuple[str, ...], status: int, body: Any) -> list[str]:
        there, declared = self._resolved((*place, "responses", str(status)))
        if declared is None:
            return [] if status in self._generally else [f"status {status} is not documented"]
        content = declared.get("content", {}).get(_JSON)
        if content is None:
            return [f"status {status} has a body"] if body is not None else []
        return self._mismatches(
            (*there, "content", _JSON, "schema"), body, f"body of status {status}"
        )

    def _parameters(
        self, place: tuple[str, ...]
    ) -> Iterable[tuple[tuple[str, ...], dict[str, Any]]]:
        for owner in (place[:-1], place):
            _, listed = self._resolved((*owner, "parameters"))
            for index in range(len(listed or [])):
                there, parameter = self._resolved((*owner, "parameters", str(index)))
                yield there, parameter

    def _mismatches(self, place: tuple[str, ...], value: Any, what: str) -> list[str]:
        validator = Draft202012Validator({"$ref": _pointer(place)}, registry=self._registry)
        return [
            f"{what}, at {error.json_path}: {error.message}"
            for error in validator.iter_errors(value)
        ]

    def _resolved(self, place: tuple[str, ...]) -> tuple[tuple[str, ...], Any]:
        """Follow references; return where the part is and the part, None if there is none."""
        part: Any = self._document
        for step in place:
            part = part[int(step)] if isinstance(part, list) else part.get(step)
            if part is None:
                return place, None
        if isinstance(part, dict) and isinstance(part.get("$ref"), str):
            return self._resolved(tuple(part["$ref"].removeprefix("#/").split("/")))
        return place, part


def _pattern(template: str) -> str:
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))


def _pointer(place: tuple[str, ...]) -> str:
    steps = (quote(step.replace("~", "~0").replace("/", "~1"), safe="~") for step in place)
    return f"{_BASE}#/{'/'.join(steps)}"


def _modern(part: Any) -> Any:
    """Say "nullable", which only OpenAPI 3.0 knows, in the words of JSON Schema."""
    if isinstance(part, list):
        return [_modern(each) for each in part]
    if not isinstance(part, dict):
        return part
    changed = {name: _modern(each) for name, each in part.items() if name != "nullable"}
    # A property may have that name too; its value is then a schema.
    if isinstance(part.get("nullable"), dict):
        changed["nullable"] = _modern(part["nullable"])
    return {"anyOf": [changed, {"type": "null"}]} if part.get("nullable") is True else changed
