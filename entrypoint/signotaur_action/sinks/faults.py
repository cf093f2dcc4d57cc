"""System errors at delivery, as every sink reports them."""

from collections.abc import Iterator
from contextlib import contextmanager

from signotaur_action.atomic import FileRefusedError
from signotaur_action.dotenv_text import DotenvError
from signotaur_action.errors import DeliveryFailed
from signotaur_action.keytext import KeyTextError


@contextmanager
def delivery_faults(name: str) -> Iterator[None]:
    """Turn what goes wrong with a file or a stream into DeliveryFailed, naming the destination."""
    try:
        yield
    except (FileRefusedError, DotenvError, KeyTextError) as error:
        raise DeliveryFailed(f"{name} could not be written: {error}.") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise DeliveryFailed(f"{name} could not be written: {reason}.") from None
