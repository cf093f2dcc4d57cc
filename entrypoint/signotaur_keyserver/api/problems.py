"""Refusals and faults as RFC 9457 answers. Nothing that the client sent is ever repeated."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

from signotaur_keyserver.domain.refusals import RefusedError
from signotaur_wire.members import Json
from signotaur_wire.problems import MEDIA_TYPE, Problem

TITLES = {
    Problem.UNKNOWN_KEY: "Unknown key",
    Problem.KEY_EXPIRED: "Key expired",
    Problem.KEY_REVOKED: "Key revoked",
    Problem.KEY_DISABLED: "Key disabled",
    Problem.ROLE_REQUIRED: "Role required",
    Problem.NETWORK_DENIED: "Network denied",
    Problem.PURPOSE_DENIED: "Purpose denied",
    Problem.SIGNING_BUDGET_SPENT: "Signing budget spent",
    Problem.INVALID_OVERLAP: "Invalid overlap",
    Problem.ROTATION_OPEN: "Rotation in progress",
    Problem.ALREADY_ROTATED: "Already rotated",
    Problem.ROTATION_MISMATCH: "Rotation mismatch",
    Problem.TOO_MANY_CANDIDATES: "Too many candidates",
    Problem.RATE_LIMITED: "Too many attempts",
    Problem.UNKNOWN_ROTATION: "Unknown rotation",
    Problem.MALFORMED_REQUEST: "Malformed request",
    Problem.INVALID_GRANT: "Token not accepted",
    Problem.SIGN_IN_REQUIRED: "Sign-in required",
    Problem.SIGN_IN_REFUSED: "Sign-in refused",
    Problem.NOT_ALLOWED: "Not allowed",
    Problem.NOT_POSSIBLE: "Not possible now",
    Problem.NOT_FOUND: "Not found",
    Problem.UNAVAILABLE: "Unavailable",
    Problem.INTERNAL_ERROR: "Internal error",
}
_UNAUTHORIZED = 401
_OF_PEOPLE = (Problem.SIGN_IN_REQUIRED, Problem.SIGN_IN_REFUSED)
"""No header answers these: people sign in."""


class ProblemResponse(JSONResponse):
    """An answer of media type application/problem+json."""

    media_type = MEDIA_TYPE


def refusal_response(refused: RefusedError) -> ProblemResponse:
    """Put a refusal into its answer."""
    headers = {}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(refused.retry_after)
    if refused.status == _UNAUTHORIZED and refused.problem not in _OF_PEOPLE:
        headers["WWW-Authenticate"] = "Bearer"
    return problem_response(
        refused.problem, refused.status, refused.detail, refused.members, headers
    )


def problem_response(
    problem: Problem,
    status: int,
    detail: str,
    members: Json | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """Build a problem answer."""
    body = {
        "type": problem.value,
        "title": TITLES[problem],
        "status": status,
        "detail": detail,
        **(members or {}),
    }
    return ProblemResponse(body, status_code=status, headers=dict(headers or {}))
