"""What ``/openapi.json`` says beside the paths: every status and every problem of each call."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from signotaur_keyserver.api import exchange_schemas, schemas, signing_schemas
from signotaur_wire.problems import MEDIA_TYPE, Problem
from signotaur_wire.version import VERSION

Operation = dict[str, Any]
Problems = Mapping[int, Sequence[Problem]]

ALWAYS: Problems = {
    400: (Problem.MALFORMED_REQUEST,),
    413: (Problem.MALFORMED_REQUEST,),
    431: (Problem.MALFORMED_REQUEST,),
    500: (Problem.INTERNAL_ERROR,),
    503: (Problem.UNAVAILABLE,),
}
_WITH_KEY: Problems = {
    **ALWAYS,
    401: (Problem.UNKNOWN_KEY, Problem.KEY_EXPIRED, Problem.KEY_REVOKED, Problem.KEY_DISABLED),
    403: (Problem.NETWORK_DENIED,),
    429: (Problem.RATE_LIMITED,),
}
_WITH_BODY: Problems = {
    **_WITH_KEY,
    415: (Problem.MALFORMED_REQUEST,),
    422: (Problem.MALFORMED_REQUEST,),
}
_TO_SIGN: Problems = {**_WITH_BODY, 403: (Problem.NETWORK_DENIED, Problem.PURPOSE_DENIED)}
_WITH_ID: Problems = {
    **_WITH_KEY,
    404: (Problem.UNKNOWN_ROTATION, Problem.NOT_FOUND),
    422: (Problem.MALFORMED_REQUEST,),
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string", "enum": ["Bearer"]}}}
_HEADERS = {401: _CHALLENGE, 409: _RETRY_AFTER, 429: _RETRY_AFTER, 503: _RETRY_AFTER}


def _content(media_type: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def named(schema: str) -> dict[str, str]:
    """Return the reference to a schema of the description."""
    return {"$ref": f"#/components/schemas/{schema}"}


def _refusal(status: int, problems: Sequence[Problem]) -> dict[str, Any]:
    slugs = [problem.value for problem in problems]
    schema = {
        "allOf": [named("Problem")],
        "properties": {"type": {"enum": slugs}, "status": {"enum": [status]}},
    }
    answer: dict[str, Any] = {
        "description": ", ".join(slugs),
        "content": _content(MEDIA_TYPE, schema),
    }
    if status in _HEADERS:
        answer["headers"] = _HEADERS[status]
    return answer


def operation(
    answers: Mapping[int, str], schema: str, problems: Problems, **extra: object
) -> Operation:
    """Return the keyword arguments that tell FastAPI of one call's answers."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": _content("application/json", named(schema))}
        for status, text in answers.items()
    }
    responses |= {status: _refusal(status, slugs) for status, slugs in sorted(problems.items())}
    return {"responses": responses, "response_model": None, "openapi_extra": extra}


def json_body(schema: str, *, required: bool = True) -> dict[str, Any]:
    """Return the description of a JSON body."""
    return {"required": required, "content": _content("application/json", named(schema))}


_SECURITY: list[dict[str, list[str]]] = [{"key": []}]
_ROTATION_ID = {
    "name": "rotation_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}

KEY_SELF = operation({200: "The key."}, "Key", _WITH_KEY, security=_SECURITY)
PUT_ROTATION = operation(
    {200: "Repeated.", 201: "Opened."},
    "Rotation",
    {
        **_WITH_BODY,
        403: (Problem.NETWORK_DENIED, Problem.PURPOSE_DENIED, Problem.ROLE_REQUIRED),
        404: (Problem.NOT_FOUND,),
        409: (
            Problem.ROTATION_OPEN,
            Problem.ALREADY_ROTATED,
            Problem.TOO_MANY_CANDIDATES,
            Problem.ROTATION_MISMATCH,
        ),
        422: (Problem.INVALID_OVERLAP, Problem.ROTATION_MISMATCH, Problem.MALFORMED_REQUEST),
    },
    security=_SECURITY,
    parameters=[_ROTATION_ID],
    requestBody=json_body("RotationRequest"),
)
GET_ROTATION = operation(
    {200: "The rotation."},
    "Rotation",
    _WITH_ID,
    security=_SECURITY,
    parameters=[_ROTATION_ID],
)
PUT_CONFIRMATION = operation(
    {200: "Confirmed, by this request or an earlier one."},
    "Rotation",
    {
        **_WITH_ID,
        409: (Problem.ROTATION_MISMATCH, Problem.ROTATION_OPEN),
        415: (Problem.MALFORMED_REQUEST,),
    },
    security=_SECURITY,
    parameters=[_ROTATION_ID],
    requestBody=json_body("ConfirmationRequest", required=False),
)
DELETE_ROTATION = operation(
    {200: "Aborted, by this request or an earlier one."},
    "Rotation",
    {**_WITH_ID, 409: (Problem.ALREADY_ROTATED, Problem.ROTATION_MISMATCH)},
    security=_SECURITY,
    parameters=[_ROTATION_ID],
)
CERT_GET = operation(
    {200: "The certificate, or why there is none."},
    "CertificateAnswer",
    _TO_SIGN,
    security=_SECURITY,
    requestBody=json_body("CertificateRequest"),
)
SIGN = operation(
    {200: "The signature, or why there is none."},
    "SignAnswer",
    {**_TO_SIGN, 429: (Problem.RATE_LIMITED, Problem.SIGNING_BUDGET_SPENT)},
    security=_SECURITY,
    requestBody=json_body("SignRequest"),
)
LEAKS = operation(
    {200: "What each finding is."},
    "LeakFeedback",
    {
        **ALWAYS,
        401: (Problem.UNKNOWN_KEY,),
        404: (Problem.NOT_FOUND,),
        422: (Problem.MALFORMED_REQUEST,),
        429: (Problem.RATE_LIMITED,),
    },
    requestBody=json_body("LeakReport"),
    security=[{"leakSignature": []}],
)
TOKEN_EXCHANGE = operation(
    {200: "The key."},
    "ExchangeAnswer",
    {
        **ALWAYS,
        400: (Problem.INVALID_GRANT, Problem.MALFORMED_REQUEST),
        429: (Problem.RATE_LIMITED,),
    },
    requestBody={
        "required": True,
        "content": _content("application/x-www-form-urlencoded", named("ExchangeRequest")),
    },
)
HEALTHZ = operation({200: "The process is up."}, "Status", ALWAYS)
READYZ = operation({200: "Ready to serve."}, "Status", ALWAYS)
METRICS = operation({}, "", {**ALWAYS, 401: (Problem.UNKNOWN_KEY,), 429: (Problem.RATE_LIMITED,)})
METRICS["responses"][200] = {
    "description": "Counts.",
    "content": _content("text/plain", {"type": "string"}),
}


def describe(
    app: FastAPI,
    more_schemas: Mapping[str, Any] = MappingProxyType({}),
    more_security: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the interface's description, once built."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title="Signotaur key server", version=VERSION, routes=app.routes, summary=app.summary
        )
        schema["components"] = {
            "schemas": schemas.components()
            | signing_schemas.components()
            | exchange_schemas.components()
            | dict(more_schemas),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "leakSignature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Github-Public-Key-Signature",
                    "description": "Over the body; Github-Public-Key-Identifier names its key.",
                },
                **more_security,
            },
        }
        app.openapi_schema = schema
    return app.openapi_schema
