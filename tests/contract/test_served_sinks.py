"""What every destination promises whose key a server has."""

import json
from typing import Any, cast

import pytest

from contract.sink_cases import CASES, FAULTS, Fault, SinkCase, SinkHarness, delivery
from contract.store_cases import has_front
from contract.test_sinks import OURS
from signotaur_action.errors import DeliveryError
from signotaur_action.model import Secret
from support.providers.exchange import Call, Reply
from support.providers.stores import StoreHarness

VENDOR = "vend+AbCdEfGhIjKl/MnOpQrStUvWxYz+0123456789=="
SERVED = pytest.mark.parametrize(
    "case", [case for case in CASES if has_front(case)], ids=lambda case: case.name, indirect=True
)


def store_of(place: SinkHarness) -> StoreHarness[Any]:
    return cast("StoreHarness[Any]", place.store)


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        pytest.param(case, fault, id=f"{case.name}-{fault.name}")
        for case in CASES
        for fault in FAULTS
        if case.store and case.readable and fault.hits(case) and "write" not in fault.name
    ],
    indirect=["case"],
)
def test_reading_back_from_a_store_that_fails_says_so(
    case: SinkCase, place: SinkHarness, fault: Fault
) -> None:
    sink = case.make(place)
    sink.deliver(delivery(OURS))
    with fault.commit(place), pytest.raises(DeliveryError) as caught:
        sink.read_back()
    assert caught.value.what.startswith(f"{sink.name} could not be read: ")
    assert "None" not in caught.value.what
    assert OURS[:8] not in caught.value.what
    assert sink.read_back() == Secret(OURS)


@SERVED
def test_a_store_that_repeats_the_key_shows_nothing_of_it(
    case: SinkCase, place: SinkHarness
) -> None:
    """A key of the vendor has no form by which the last line of defence would know it."""
    store = store_of(place)

    def repeat(call: Call) -> Reply | None:
        told = json.dumps(f"no: {VENDOR} {call.body.decode()}")[1:-1]
        body = json.dumps(dict(store.refusal)).replace("not now", told)
        return Reply(400, body.encode()) if store.is_write(call) else None

    store.server.faults.append(repeat)
    with pytest.raises(DeliveryError) as caught:
        case.make(place).deliver(delivery(VENDOR))
    reason = "it gave no reason" if case.kinds == ("jenkins-credential",) else "no: ***"
    assert f"400: {reason}" in caught.value.what
    assert VENDOR[5:17] not in caught.value.what


@SERVED
@pytest.mark.parametrize("body", [b"<html>hello", b"", b"[1]", b'{"data": [1]}'])
def test_a_write_that_something_else_answered_is_no_delivery(
    case: SinkCase, place: SinkHarness, body: bytes
) -> None:
    """As by a proxy that answers 200 to everything."""
    store = store_of(place)
    store.server.faults.append(lambda call: Reply(200, body) if store.is_write(call) else None)
    place.patience.seconds = 0.3
    with pytest.raises(DeliveryError) as caught:
        case.make(place).deliver(delivery(OURS))
    assert "None" not in caught.value.what


ODD_REFUSALS = (
    b'{"error": "no", "errors": "no", "message": ["no"], "Error": "no", "detail": 3}',
    b'{"error": {"message": 3, "code": 3}, "errors": [3], "message": {"a": 1}, "Error": [1]}',
    b'{"error": ["no"], "errors": [], "message": null, "Error": {"Message": 3, "Code": 3}}',
    b'{"error": null, "errors": [{"message": ["no"]}], "message": 3}',
    b"[1]",
    b'"no"',
)


@SERVED
@pytest.mark.parametrize("body", ODD_REFUSALS)
def test_a_refusal_of_a_form_that_no_store_has_is_reported(
    case: SinkCase, place: SinkHarness, body: bytes
) -> None:
    store = store_of(place)
    store.server.faults.append(lambda call: Reply(400, body) if store.is_write(call) else None)
    with pytest.raises(DeliveryError, match="answered 400: "):
        case.make(place).deliver(delivery(OURS))
