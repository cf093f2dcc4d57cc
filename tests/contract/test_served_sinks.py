"""What every destination promises whose key a server has."""

import json
import re
from typing import Any, cast

import pytest

from contract.sink_cases import CASES, FAULTS, Fault, SinkCase, SinkHarness, delivery
from contract.store_cases import has_front
from signotaur_action.errors import DeliveryError, DestinationRefusedError
from signotaur_action.model import Secret
from signotaur_action.ports import TokenHolder
from signotaur_action.sinks import emitter
from signotaur_action.sinks.base import SinkContext, SinkError
from support.providers.exchange import Call, Reply, drop
from support.providers.stores import StoreHarness
from support.sample_key import KEY

ALWAYS = 1_000
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
    sink.deliver(delivery(KEY))
    with fault.commit(place), pytest.raises(DeliveryError) as caught:
        sink.read_back()
    assert caught.value.what.startswith(f"{sink.name} could not be read: ")
    assert "None" not in caught.value.what
    assert KEY[:8] not in caught.value.what
    assert sink.read_back() == Secret(KEY)


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
def test_a_token_that_is_refused_is_a_warning_before_it_stops_a_rotation(
    case: SinkCase, place: SinkHarness
) -> None:
    sink = case.make(place)
    if not isinstance(sink, TokenHolder):
        return
    assert list(sink.token_concerns()) == []
    store_of(place).revoke()
    [concern] = sink.token_concerns()
    assert re.match("(GitHub|GitLab|Vault|AWS) refuses the token: it ended, was revoked", concern)


@SERVED
def test_a_token_that_cannot_be_looked_at_names_the_destination(
    case: SinkCase, place: SinkHarness
) -> None:
    sink = case.make(place)
    if not isinstance(sink, TokenHolder):
        return
    store_of(place).server.faults.append(drop("", "", times=ALWAYS))
    place.patience.seconds = 0.3
    with pytest.raises(DestinationRefusedError) as caught:
        sink.token_concerns()
    assert caught.value.what.startswith(f"{sink.name} cannot be used: ")
    assert store_of(place).token_variable in caught.value.next


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
        case.make(place).deliver(delivery(KEY))
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
        case.make(place).deliver(delivery(KEY))


KINDS = sorted({kind for case in CASES if has_front(case) for kind in case.kinds})
ODD_PLACES = (
    "",
    "!",
    "a b",
    "../app/KEY",
    "acme/app/a b",
    "group/a b",
    "Ci!/name",
    "builds/Signing#KEY",
    "builds/signing#a key",
    "Builds/signing#KEY",
    "secret/a b#KEY",
    "secret/app#a key",
    "KEY,colour=red",
    "KEY,project=",
    "KEY,cluster=one,organization=a b",
    "KEY,cluster=00000000-0000-0000-0000-000000000001,organization=a b",
    "KEY,organization=acme,cluster=one",
    "KEY,context=one",
    "KEY,project=a b",
    "KEY,region=Europe",
    "KEY,field=a b",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("argument", ODD_PLACES)
def test_what_is_wrong_or_missing_is_said_with_the_kind(kind: str, argument: str) -> None:
    """Nothing is set in the environment, so there is a fault in any case."""
    with pytest.raises(SinkError) as caught:
        emitter(f"{kind}:{argument}", SinkContext(lambda _text: None, {}))
    said = str(caught.value)
    assert all(kind in said.split(": ", 1)[0] for said in re.split(f"; (?={kind})", said))
    assert "None" not in said
