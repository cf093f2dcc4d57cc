"""What goes wrong at a destination, as every sink reports it."""

from collections.abc import Iterator
from contextlib import contextmanager

from signotaur_action.errors import (
    DeliveryError,
    DestinationRefusedError,
    os_reason,
)
from signotaur_action.files.atomic import FileRefusedError
from signotaur_action.files.dotenv import DotenvError
from signotaur_action.files.keytext import KeyTextError
from signotaur_action.http import HttpError


class StoreRefusedError(Exception):
    """A store did not do what was asked; the text says why, without a full stop."""


@contextmanager
def delivery_faults(name: str, done: str = "written") -> Iterator[None]:
    """Turn what goes wrong with a file, a stream or a store into DeliveryError, naming it.

    ``done``: what could not be done to it.
    """
    try:
        yield
    except (FileRefusedError, DotenvError, KeyTextError, StoreRefusedError) as error:
        raise DeliveryError(f"{name} could not be {done}: {error}.") from None
    except HttpError as fault:
        raise DeliveryError(f"{name} could not be {done}: {fault}") from None
    except OSError as error:
        reason = os_reason(error)
        raise DeliveryError(f"{name} could not be {done}: {reason}.") from None


@contextmanager
def check_faults(name: str, next_step: str | None = None) -> Iterator[None]:
    """Turn what a check finds into DestinationRefusedError, with name and next step."""
    try:
        yield
    except (FileRefusedError, DotenvError, KeyTextError, StoreRefusedError) as error:
        refused = f"{name} cannot be used: {error}."
        raise DestinationRefusedError(refused, next_step=next_step) from None
    except HttpError as fault:
        raise DestinationRefusedError(
            f"{name} cannot be used: {fault}", next_step=next_step
        ) from None
    except OSError as error:
        refused = f"{name} cannot be used: {os_reason(error)}."
        raise DestinationRefusedError(refused, next_step=next_step) from None
