"""Decisions as pure functions: durations, the overlap's range, whether a key is due."""

import re
from datetime import datetime, timedelta

from signotaur_wire.limits import OVERLAP_DAYS_MAX, OVERLAP_DAYS_MIN

_DURATION = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhdw])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def parse_duration(text: str) -> timedelta:
    """Read ``90s``, ``90m``, ``36h``, ``30d`` or ``2w``. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("a duration is a number and a unit: 90s, 90m, 36h, 30d or 2w")
    return int(match["count"]) * _UNITS[match["unit"]]


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
    for unit, length in (("day", _UNITS["d"]), ("hour", _UNITS["h"]), ("minute", _UNITS["m"])):
        count = span // length
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"
