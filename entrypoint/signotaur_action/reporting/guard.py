"""What the guard found, as a telling. Pure."""

from types import MappingProxyType

from signotaur_action.guarding import Level, Verdict
from signotaur_action.reporting.rotation import key_rows
from signotaur_action.reporting.telling import Telling
from signotaur_wire.members import format_optional_time

_HEADLINES = {
    Level.GOOD: "The key is good.",
    Level.WARNING: "The key needs attention.",
    Level.FAILURE: "The key must be replaced.",
}


def guard_telling(verdict: Verdict) -> Telling:
    """Return what is told of a verdict."""
    ends_at = format_optional_time(verdict.key.ends_at)
    days = verdict.days_left
    left = "" if days is None else str(days)
    return Telling(
        headline=_HEADLINES[verdict.level],
        rows=(
            *key_rows(verdict.key),
            ("Days left", left or "no end"),
            *(("Finding", finding) for finding in verdict.findings),
        ),
        next_step=verdict.next_step,
        outputs=MappingProxyType(
            {
                "key-id": str(verdict.key.id),
                "state": verdict.state,
                "expires-at": ends_at or "",
                "days-left": left,
            }
        ),
        document=MappingProxyType(
            {
                "keyId": verdict.key.id,
                "name": verdict.key.name,
                "state": verdict.state,
                "expiresAt": ends_at,
                "daysLeft": days,
                "good": verdict.level is Level.GOOD,
                "findings": list(verdict.findings),
                "next": verdict.next_step,
            }
        ),
    )
