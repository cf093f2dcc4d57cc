"""What every failure at a store has to be: in its class, explained, silent, and without effect."""

from typing import Any

import pytest

from contract.harness import delivery
from signotaur_action.errors import DeliveryError, DestinationRefusedError, ExitCode, SignotaurError
from signotaur_action.ports import Sink
from support.providers.stores import NEIGHBOUR, OLDER, StoreHarness
from support.sample_key import KEY

ALWAYS = 1_000
"""In the path of every request that writes a key."""


def refused(
    place: StoreHarness[Any], sink: Sink | None = None, **how: Any
) -> DestinationRefusedError:
    """The check fails, and nothing was written."""
    before = place.held()
    sink = sink or place.sink(**how)
    with pytest.raises(DestinationRefusedError) as caught:
        sink.check()
    assert written(place) == []
    assert place.held() == before
    assert caught.value.code is ExitCode.DESTINATION_REFUSED
    assert caught.value.what.startswith(f"{sink.name} cannot be used: ")
    assert place.token_variable in caught.value.next
    assert_silent(place, caught.value)
    return caught.value


def not_delivered(
    place: StoreHarness[Any], sink: Sink | None = None, *, key: str = KEY, **how: Any
) -> DeliveryError:
    """The delivery fails, and the place holds what it held."""
    before = place.held()
    sink = sink or place.sink(**how)
    with pytest.raises(DeliveryError) as caught:
        sink.deliver(delivery(key))
    assert place.held() == before
    assert caught.value.code is ExitCode.NOT_DELIVERED
    assert caught.value.what.startswith(f"{sink.name} could not be written: ")
    assert_silent(place, caught.value, key)
    return caught.value


def assert_silent(place: StoreHarness[Any], error: SignotaurError, key: str = KEY) -> None:
    """No secret of the place, and no line of its own, is in what is said."""
    said = error.what + error.next + error.keys
    for secret in (key, key[20:] or key, OLDER, NEIGHBOUR, place.token):
        assert secret not in said
    assert "\n" not in said
    assert "None" not in said


def written(place: StoreHarness[Any]) -> list[str]:
    """The methods of the requests that carried a key."""
    return [each.method for each in place.server.requests if KEY.encode() in each.body]
