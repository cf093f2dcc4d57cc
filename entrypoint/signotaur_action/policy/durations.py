"""Decisions as pure functions: durations, the overlap's range, whether a key is due."""

from datetime import datetime, timedelta

from signotaur_wire.limits import OVERLAP_DAYS_MAX, OVERLAP_DAYS_MIN

_SPANS = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
)


def overlap_allowed(days: int) -> bool:
    """Return whether the overlap is 0 to 30 days. Why 0 is allowed: docs/design.md, section 11."""
    return OVERLAP_DAYS_MIN <= days <= OVERLAP_DAYS_MAX


def is_due(ends_at: datetime | None, now: datetime, window: timedelta) -> bool:
    """Return whether a key that ends at ``ends_at`` ends within ``window`` from ``now``.

    A key without an end is never due. ``now`` is the server's time, never the runner's.
    """
    return ends_at is not None and ends_at - now <= window


def describe_span(span: timedelta) -> str:
    """Return a time span for people: ``41 days``, ``1 hour``, ``ended``."""
    if span <= timedelta(0):
        return "ended"
    for unit, length in _SPANS:
        count = span // length
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
