"""From a problem document (RFC 9457) to the error that the user sees."""

from collections.abc import Callable
from math import ceil

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.errors import (
    AlreadyRotatedError,
    BusyError,
    InvalidOverlapError,
    ServerError,
    SigningRefusedError,
    SignotaurError,
    SupersededError,
    SuspendedError,
    UnauthorizedError,
)
from signotaur_action.http import Answer
from signotaur_wire.limits import OVERLAP_DAYS_MAX, OVERLAP_DAYS_MIN
from signotaur_wire.members import Members, WireError, format_time
from signotaur_wire.problems import Problem

_UNCHANGED = "This run changed nothing on the server."
_GET_A_KEY = "Ask an administrator for a new key, and store it where this command reads it."

_UNAUTHORIZED = {
    Problem.UNKNOWN_KEY: (
        "the server does not know it",
        "Check that the key belongs to this server.",
    ),
    Problem.KEY_EXPIRED: ("it has expired", _GET_A_KEY),
    Problem.KEY_REVOKED: (
        "it was revoked",
        f"If it was rotated, use its successor. Otherwise: {_GET_A_KEY}",
    ),
    Problem.KEY_DISABLED: (
        "it or its owner is disabled",
        "Ask an administrator to enable it again.",
    ),
    Problem.NETWORK_DENIED: (
        "it may not be used from this network",
        "Run it in a network that the key's policy names, or ask an administrator to add this one.",
    ),
    Problem.PURPOSE_DENIED: (
        "its policy does not allow this command",
        "Use a key that may do this. A key can be for rotations only, or for signatures only.",
    ),
    Problem.ROLE_REQUIRED: (
        "its owner lacks the role ApiKeyRotator",
        "Ask an administrator to give the role to the key's owner.",
    ),
}
_SUSPENDED = (Problem.KEY_DISABLED, Problem.NETWORK_DENIED)


def refusal(answer: Answer, server: str) -> SignotaurError:
    """Return the error that a refusing answer means. Foreign text in it is escaped."""
    try:
        members = Members(answer.document)
        return _known(Problem(members.text("type")), members, answer, server)
    except (WireError, ValueError):
        return ServerError(
            f"{server} answered {answer.status} in a form that this client does not understand."
        )


def _known(problem: Problem, members: Members, answer: Answer, server: str) -> SignotaurError:
    if problem in _UNAUTHORIZED:
        cause, next_step = _UNAUTHORIZED[problem]
        kind = SuspendedError if problem in _SUSPENDED else UnauthorizedError
        return kind(f"{server} refuses the key: {cause}.", keys=_UNCHANGED, next_step=next_step)
    if problem in _CONFLICTS:
        return _CONFLICTS[problem](members, answer)
    detail = escape_untrusted(members.optional_text("detail") or problem.value)
    return ServerError(f"{server} answered {answer.status}: {detail}")


def _busy(members: Members, answer: Answer) -> BusyError:
    holder = escape_untrusted(members.optional_text("holder") or "another run")
    since = members.optional_time("openedAt")
    began = "" if since is None else f" since {format_time(since)}"
    return BusyError(
        f"Another run has been rotating this key{began}: {holder}.", retry_after=answer.retry_after
    )


def _too_many(_members: Members, _answer: Answer) -> ServerError:
    return ServerError(
        "This key has three candidates (new keys that nobody confirmed), and all of them were "
        "used.",
        next_step="Run the command with the key that a destination has now. Or revoke the "
        "candidates (signotaur-keyserver key list, then key revoke ID), and run the command again.",
    )


def _invalid_overlap(members: Members) -> InvalidOverlapError:
    low = members.optional_integer("overlapDaysMin")
    high = members.optional_integer("overlapDaysMax")
    smallest = OVERLAP_DAYS_MIN if low is None else low
    largest = OVERLAP_DAYS_MAX if high is None else high
    return InvalidOverlapError(
        f"The server refuses the overlap: it must be between {smallest} and {largest} days.",
        next_step=f"Give --overlap-days a whole number from {smallest} to {largest}.",
    )


def _later(answer: Answer) -> str:
    if answer.retry_after is None:
        return "later"
    minutes = max(1, ceil(answer.retry_after.total_seconds() / 60))
    return f"in {minutes} minute{'' if minutes == 1 else 's'}"


_CONFLICTS: dict[Problem, Callable[[Members, Answer], SignotaurError]] = {
    Problem.ROTATION_OPEN: _busy,
    Problem.TOO_MANY_CANDIDATES: _too_many,
    Problem.ALREADY_ROTATED: lambda members, _: AlreadyRotatedError(
        members.optional_integer("successorKeyId"),
        in_use_since=members.optional_time("successorInUseSince"),
    ),
    Problem.INVALID_OVERLAP: lambda members, _: _invalid_overlap(members),
    Problem.SIGNING_BUDGET_SPENT: lambda _, answer: SigningRefusedError(
        "The key has made all signatures that its policy allows in an hour.",
        next_step=f"Run the same command again {_later(answer)}, or ask an administrator for a "
        "higher limit.",
    ),
    Problem.ROTATION_MISMATCH: lambda *_: SupersededError(
        "The server no longer accepts this rotation: it was aborted, or another rotation "
        "replaced it."
    ),
}
