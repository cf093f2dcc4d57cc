"""Typed access to the members of a JSON object: the checks both sides make on what they receive.

Errors name the member, never its value: a value may contain a secret.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

Json = dict[str, object]


class WireError(ValueError):
    """A JSON object is not what the protocol says. The message names members, never values."""


def format_time(moment: datetime) -> str:
    """Return an aware moment as UTC ISO 8601 with ``Z`` and whole seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def format_optional_time(moment: datetime | None) -> str | None:
    """Return a moment as text; None stays None."""
    return None if moment is None else format_time(moment)


class Members:
    """The members of one received JSON object, read by name and type.

    Unknown members are ignored, so that either side can be upgraded first.
    Every method raises WireError when the member is missing or of another type.
    """

    def __init__(self, value: object) -> None:
        if not isinstance(value, Mapping):
            raise WireError("the body is not a JSON object")
        self._values: Mapping[str, object] = value

    def text(self, name: str) -> str:
        """Return a string member."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise WireError(f"{name} is not a string")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a string member, or None when it is null or missing."""
        return None if self._values.get(name) is None else self.text(name)

    def integer(self, name: str) -> int:
        """Return an integer member. 7.0 is the integer 7; true and false are not integers."""
        value = self._values.get(name)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise WireError(f"{name} is not an integer")
        return value

    def optional_integer(self, name: str) -> int | None:
        """Return an integer member, or None when it is null or missing."""
        return None if self._values.get(name) is None else self.integer(name)

    def boolean(self, name: str) -> bool:
        """Return a boolean member."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise WireError(f"{name} is not true or false")
        return value

    def optional_boolean(self, name: str) -> bool | None:
        """Return a boolean member, or None when it is null or missing."""
        return None if self._values.get(name) is None else self.boolean(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a member that is an array of strings."""
        value = self._values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise WireError(f"{name} is not an array of strings")
        return tuple(value)

    def optional_objects(self, name: str) -> "tuple[Members, ...] | None":
        """Return a member that is an array of objects, or None when it is null or missing."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise WireError(f"{name} is not an array of objects")
        return tuple(Members(item) for item in value)

    def uuid(self, name: str) -> UUID:
        """Return a member that is a UUID."""
        try:
            return UUID(self.text(name))
        except ValueError:
            raise WireError(f"{name} is not a UUID") from None

    def time(self, name: str) -> datetime:
        """Return a member that is an ISO 8601 time with an offset, as an aware UTC moment.

        Converted to UTC it must be in the years 1 to 9999, which is Python's range.
        """
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise WireError(f"{name} is not an ISO 8601 time") from None
        if moment.tzinfo is None:
            raise WireError(f"{name} has no offset from UTC")
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise WireError(f"{name} is out of range") from None

    def optional_time(self, name: str) -> datetime | None:
        """Return a time member, or None when it is null or missing."""
        return None if self._values.get(name) is None else self.time(name)

    def optional_object(self, name: str) -> "Members | None":
        """Return a member that is an object, or None when it is null or missing."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise WireError(f"{name} is not an object")
        return Members(value)
