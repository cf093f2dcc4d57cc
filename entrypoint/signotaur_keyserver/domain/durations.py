"""The small grammar of durations on the command line. Pure: no clock, no I/O."""

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


class DurationError(ValueError):
    """A text is no duration. The message says what one looks like."""


def parse_duration(text: str) -> timedelta:
    """Return the length of ``90m``, ``36h``, ``7d``, ``2w`` or ``30s``; ``0s`` is allowed.

    Raises DurationError for anything else, and above a century.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise DurationError("a duration is a number and one of s, m, h, d, w, such as 90m or 7d")
    count = int(match["count"])
    unit = _UNITS[match["unit"]]
    if count > LONGEST // unit:
        raise DurationError(f"a duration is at most {LONGEST.days}d")
    return count * unit
