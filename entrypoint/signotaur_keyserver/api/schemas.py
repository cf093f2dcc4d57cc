"""JSON Schemas of the wire's messages, derived from its dataclasses so that none can drift.

Only what a type cannot say, such as a pattern, is written by hand.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from signotaur_keyserver.api.problems import TITLES
from signotaur_wire.keyformat import PUBLIC_ID_PATTERN, SHA256_PATTERN
from signotaur_wire.limits import (
    DESTINATIONS_MAX,
    HOLDER_MAX_LENGTH,
    OVERLAP_DAYS_MAX,
    OVERLAP_DAYS_MIN,
)
from signotaur_wire.members import Json
from signotaur_wire.messages import (
    DESTINATION_KIND_PATTERN,
    ConfirmationRequest,
    DestinationOutcome,
    KeyDescription,
    RotationDescription,
    RotationRequest,
)
from signotaur_wire.problems import Problem

Schema = dict[str, Any]

_SIMPLE: dict[object, Schema] = {
    str: {"type": "string"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    UUID: {"type": "string", "format": "uuid"},
    NoneType: {"type": "null"},
    Json: {"type": "object"},
}
_REQUEST_RULES: dict[str, Schema] = {
    "publicId": {"pattern": f"^{PUBLIC_ID_PATTERN}$"},
    "keySha256": {"pattern": f"^{SHA256_PATTERN}$"},
    "overlapDays": {"minimum": OVERLAP_DAYS_MIN, "maximum": OVERLAP_DAYS_MAX},
    "holder": {
        "minLength": 1,
        "maxLength": HOLDER_MAX_LENGTH,
        # Python's str.isprintable: no control, format, unassigned or separator characters
        # but the space.
        "pattern": r"^(?:[^\p{C}\p{Z}]| )*$",
    },
    "again": {"type": ["boolean", "null"], "default": False},
    "compromised": {"type": ["boolean", "null"], "default": False},
}

_MESSAGE_RULES: dict[object, dict[str, Schema]] = {
    DestinationOutcome: {"kind": {"pattern": f"^{DESTINATION_KIND_PATTERN}$"}},
}
_ARRAY_RULES: dict[object, Schema] = {
    tuple[DestinationOutcome, ...]: {"maxItems": DESTINATIONS_MAX},
}


def components() -> dict[str, Schema]:
    """Return every named schema of the interface."""
    return {
        "RotationRequest": message_schema(RotationRequest, _REQUEST_RULES),
        "ConfirmationRequest": message_schema(ConfirmationRequest),
        "Rotation": message_schema(RotationDescription),
        "Key": message_schema(KeyDescription),
        "Problem": _problem(),
        "LeakReport": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "token": {"type": "string"},
                    "type": {"type": "string"},
                    "url": {"type": ["string", "null"]},
                    "source": {"type": ["string", "null"]},
                },
                "required": ["token", "type"],
            },
        },
        "LeakFeedback": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "token_hash": {"type": "string", "pattern": f"^{SHA256_PATTERN}$"},
                    "token_type": {"type": "string"},
                    "label": {"enum": ["true_positive", "false_positive"]},
                },
                "required": ["token_hash", "token_type", "label"],
            },
        },
        "Status": {
            "type": "object",
            "properties": {"status": {"type": "string"}},
            "required": ["status"],
        },
    }


def message_schema(
    message: type,
    rules: Mapping[str, Schema] | None = None,
    names: Mapping[str, str] | None = None,
) -> Schema:
    """Return the schema of a message: ``names`` of members that are not just camelCase."""
    hints = get_type_hints(message)
    properties: dict[str, Schema] = {}
    required = []
    for field in fields(message):
        name = (names or {}).get(field.name) or camel(field.name)
        properties[name] = _of_type(hints[field.name]) | (rules or {}).get(name, {})
        if field.default is MISSING:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def _of_type(hint: Any) -> Schema:
    if hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    if get_origin(hint) in (Union, UnionType):
        return {"anyOf": [_of_type(part) for part in get_args(hint)]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _of_type(get_args(hint)[0])} | _ARRAY_RULES.get(hint, {})
    if issubclass(hint, StrEnum):
        return {"type": "string", "enum": [member.value for member in hint]}
    if hint is RotationDescription:
        return {"$ref": "#/components/schemas/Rotation"}
    return message_schema(hint, _MESSAGE_RULES.get(hint))


def _problem() -> Schema:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "RFC 9457. It repeats nothing that the client sent.",
        "properties": {
            "type": text | {"enum": [problem.value for problem in Problem]},
            "title": text | {"enum": sorted(TITLES.values())},
            "status": {"type": "integer"},
            "detail": text,
            "holder": text | {"description": "rotation-open: who owns the lease"},
            "openedAt": _SIMPLE[datetime],
            "leaseUntil": _SIMPLE[datetime],
            "successorKeyId": {"type": "integer"},
            "confirmedAt": _SIMPLE[datetime],
            "successorInUseSince": _SIMPLE[datetime]
            | {"description": "already-rotated: the successor is not lost, so again is refused"},
            "candidateKeyIds": {"type": "array", "items": {"type": "integer"}},
            "state": text | {"description": "rotation-mismatch: what the rotation is"},
            "overlapDaysMin": {"type": "integer"},
            "overlapDaysMax": {"type": "integer"},
            "purpose": text | {"description": "purpose-denied: what the key may do"},
            "fields": {
                "type": "array",
                "items": text,
                "description": "malformed-request: names of the members at fault",
            },
            "error": text | {"description": "of a token exchange: as RFC 6749 calls it"},
            "faults": {
                "type": "object",
                "additionalProperties": text,
                "description": "malformed-request: what is wrong with each member",
            },
        },
        "required": ["type", "title", "status", "detail"],
    }


def camel(name: str) -> str:
    """Return a name of the code as it is on the wire."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
