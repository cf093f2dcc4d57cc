"""The members of a secret that has several: they are written back as they were read."""

import json
from collections.abc import Iterator, Mapping

from signotaur_action.sinks.errors import StoreRefusedError


def require_writable(fields: Mapping[str, object]) -> None:
    """Refuse fields that would not be written again as they were read."""
    try:
        json.dumps(fields, allow_nan=False)
    except ValueError:
        raise StoreRefusedError(
            "another field is a number that is too large to be written back"
        ) from None


def texts(value: object) -> Iterator[str]:
    """Yield every value in the fields as text, however deep it lies."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)
    else:
        yield str(value)
