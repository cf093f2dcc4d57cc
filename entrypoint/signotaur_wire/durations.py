"""The durations of both command lines: a whole number and a unit, such as ``36h`` or ``7d``."""

import re
from datetime import timedelta

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DURATION = re.compile(r"(?P<count>[0-9]{1,10})(?P<unit>[smhdw])")
LONGEST = timedelta(days=36_500)
"""A century: longer is a typing error, and would leave the range of dates."""


def parse_duration(text: str) -> timedelta:
    """Return the length of ``90s``, ``90m``, ``36h``, ``30d`` or ``2w``; ``0s`` is allowed.

    Raises ValueError for anything else, and above a century.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("a duration is a number and a unit: 90s, 90m, 36h, 30d or 2w")
    count, unit = int(match["count"]), _UNITS[match["unit"]]
    if count > LONGEST // unit:
        raise ValueError(f"a duration is at most {LONGEST.days}d")
    return count * unit
