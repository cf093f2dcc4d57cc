"""Templates: every text in them is escaped, and shown without invisible characters."""

from datetime import datetime, timedelta
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from signotaur_wire.members import format_time

_DAY = timedelta(days=1)


@cache
def environment() -> Environment:
    """Return the templates of this package, compiled once for all applications of a process."""
    made = Environment(
        loader=PackageLoader("signotaur_keyserver.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["moment"] = moment
    made.filters["day"] = day
    return made


def visible(value: object) -> object:
    """Return a text with a mark for each character that has no picture or turns the line round."""
    if value is None:
        return "\N{EN DASH}"
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value
    )


def moment(value: datetime | None) -> object:
    """Show a time to the minute, for machines to the second."""
    if value is None:
        return value
    text = f"{value:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(format_time(value), text)


def day(value: datetime | None) -> object:
    """Show the day of a time."""
    if value is None:
        return value
    return Markup('<time datetime="{}">{:%Y-%m-%d}</time>').format(format_time(value), value)
