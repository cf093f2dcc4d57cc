"""Refusals as events: all are counted, few are written, from every caller."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from keyserver.certs import get_certificate, sign
from keyserver.harness import Client, NewKey, ServerHarness, problem, wait_until
from signotaur_keyserver.api.refusal_log import RefusalLog
from signotaur_keyserver.domain.events import Event, EventType, Level
from signotaur_keyserver.domain.refusals import role_required, unknown_key

pytestmark = pytest.mark.both_databases

FLOOD = 200


def _refused_signature(client: Client, key: str) -> None:
    sign(client, key, "0" * 40)


def _refused_certificate(client: Client, key: str) -> None:
    get_certificate(client, key, label="none")


@pytest.mark.parametrize(
    ("cause", "event_type"),
    [(_refused_signature, "signature-refused"), (_refused_certificate, "certificate-refused")],
)
def test_a_key_without_a_certificate_does_not_fill_the_disk(
    world: ServerHarness, cause: Callable[[Client, str], None], event_type: str
) -> None:
    """A holder of any key, even one without role and certificate, can be refused at will.

    Before: one event for each, 2,149 in 10 s over 16 connections, 5.3 MB. After: 5 at once and
    one a minute, which counts the others: 6,570 refusals in 10 s, 5 events, 0.06 MB.
    """
    key = world.key()
    client = world.serving()
    for _ in range(FLOOD):
        cause(client, key)
    world.leave()
    wait_until(lambda: len(world.events(event_type)) == 6)
    counted = [event["data"]["suppressedBefore"] for event in world.events(event_type)]
    assert counted == [0, 0, 0, 0, 0, FLOOD - 6]
    assert {event["key_id"] for event in world.events(event_type)} == {1}


class Ledger:
    """A refusal log with a clock that a test moves."""

    def __init__(self, world: ServerHarness) -> None:
        self.world = world
        self.now = 0.0
        self.log = RefusalLog(world.database, clock=lambda: self.now)
        self.log.start()

    def refuse(self, key_id: int, times: int, event_type: EventType) -> None:
        """Refuse a key."""
        for _ in range(times):
            self.log.add(Event(Level.WARNING, event_type, "refused", key_id=key_id))

    def minutes(self, amount: int) -> None:
        """Let minutes pass, each with its summary."""
        for _ in range(amount):
            self.now += 60
            self.log.summarize()

    def end(self) -> list[tuple[int | None, str, int]]:
        """End the log; return key, type and count of what it wrote."""
        self.log.stop(timeout=60)
        return [
            (event["key_id"], event["type"], event["data"]["suppressedBefore"])
            for event in self.world.events()
            if "suppressedBefore" in event["data"]
        ]


@pytest.fixture
def ledger(world: ServerHarness) -> Ledger:
    for _ in range(2):
        world.key()
    return Ledger(world)


def test_a_summary_comes_once_a_minute(ledger: Ledger) -> None:
    ledger.refuse(1, 100, EventType.SIGNATURE_REFUSED)
    ledger.minutes(1)
    ledger.refuse(1, 10, EventType.SIGNATURE_REFUSED)
    ledger.minutes(3)
    assert [count for _, _, count in ledger.end()] == [0, 0, 0, 0, 0, 94, 9]


def test_keys_and_reasons_are_counted_apart(ledger: Ledger) -> None:
    ledger.refuse(1, 7, EventType.SIGNATURE_REFUSED)
    ledger.refuse(1, 6, EventType.CERTIFICATE_REFUSED)
    ledger.refuse(2, 6, EventType.SIGNATURE_REFUSED)
    ledger.log.note(role_required(), "192.0.2.1", 2)
    written = ledger.end()
    assert len(written) == 3 * 6 + 1
    assert [each for each in written if each[2]] == [(1, "signature-refused", 1)]
    assert written[15] == (2, "request-refused", 0)


def test_strangers_are_summed_up_together(ledger: Ledger) -> None:
    """So that a flood of addresses takes no memory."""
    for number in range(300):
        ledger.log.note(unknown_key(), f"192.0.2.{number}", None)
    ledger.minutes(1)
    written = ledger.end()
    assert len(written) == 61
    assert written[-1] == (None, "request-refused", 239)


def test_requests_of_one_key_are_limited(world: ServerHarness) -> None:
    """A key has a rate, so that its holder alone cannot take the whole server."""
    key, other = world.key(), world.key()
    now = 0.0
    client = world.serving(key_requests_per_minute=60, clock=lambda: now)
    answers = [client.self(key) for _ in range(62)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429] * 2
    assert problem(answers[-1]) == (429, "rate-limited")
    assert answers[-1].headers["Retry-After"] == "1"
    assert client.put(key, uuid4(), NewKey()).status_code == 429
    assert client.self(other).status_code == 200
    now += 2
    assert [client.self(key).status_code for _ in range(3)] == [200, 200, 429]
