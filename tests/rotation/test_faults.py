"""What goes wrong on the way: answers that are lost, torn, late, repeated or somebody else's.

The front sits between the real client and the real server; the oracle asks the server itself.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rotation.locations import Expected, KeyFile, Oracle
from support.call_faults import CALLS, altered, at, dripping, torn, twice
from support.client import Finished
from support.clock import VirtualClock
from support.front import Exchange, Front, answering, lost_answer
from support.in_process import run_here
from support.keys import add_keys, lineages
from support.keyserver import KeyServer
from support.kill import Ended, Nursery

DONE, FAILURE, NOT_DELIVERED = 0, 1, 12


@dataclass
class ClientBehindFront:
    """A key file, the command that rotates its key, and the front that the command passes."""

    server: KeyServer
    front: Front
    nursery: Nursery
    name: str
    place: KeyFile

    def run(self, *options: str) -> Ended:
        """Run the command."""
        return self.nursery.run(
            ("rotate-key", *self.place.arguments, *self.front.options, *options), self.place.env
        )

    def run_here(self) -> Finished:
        """Run the command in this process, where pauses between tries take no time."""
        command = ("rotate-key", *self.place.arguments, *self.front.options)
        return run_here(*command, env=self.place.env, clock=VirtualClock())

    def check(self, *, rotations: int = 1) -> None:
        """Fail unless the file's key is the one survivor, and its rotation the only one."""
        assert self.place.leftovers() == []
        oracle = Oracle(self.server)
        expected = Expected(self.name, oracle.id_of(self.place.held()), rotations, 0)
        expected.check(lineages(self.server)[self.name])

    def finish(self) -> None:
        """Run the same command again on a clear client, and check what came of it."""
        assert Oracle(self.server).accepts(self.place.held())
        self.front.faults.clear()
        ended = self.run()
        assert ended.code == DONE, ended.err
        self.check()


@pytest.fixture
def client(
    plain_server: KeyServer, front: Front, nursery: Nursery, tmp_path: Path, fresh_name: str
) -> ClientBehindFront:
    (key,) = add_keys(plain_server, [fresh_name])
    folder = tmp_path / "place"
    folder.mkdir()
    return ClientBehindFront(plain_server, front, nursery, fresh_name, KeyFile(folder, key))


EVERY_CALL = pytest.mark.parametrize("call", CALLS)
OPENED = ("verify", "confirmation")


def failed(call: str) -> int:
    """Return the exit code of a run for which a call never succeeds."""
    return NOT_DELIVERED if call in OPENED else FAILURE


def with_members(**members: object) -> Callable[[bytes], bytes]:
    return lambda body: json.dumps(json.loads(body) | members).encode()


# Lost


@EVERY_CALL
def test_a_lost_answer_costs_nothing(client: ClientBehindFront, call: str) -> None:
    method, part, _ = CALLS[call]
    client.front.faults.append(at(call, lost_answer(method, part)))
    ended = client.run()
    assert ended.code == DONE, ended.err
    client.check()


def test_every_answer_may_be_lost_once(client: ClientBehindFront) -> None:
    for call, (method, part, _) in CALLS.items():
        client.front.faults.append(at(call, lost_answer(method, part)))
    ended = client.run()
    assert ended.code == DONE, ended.err
    client.check()


@EVERY_CALL
def test_the_same_command_finishes_after_all_answers_to_a_call_were_lost(
    client: ClientBehindFront, call: str
) -> None:
    method, part, _ = CALLS[call]
    client.front.faults.append(at(call, lost_answer(method, part), count=1000))
    ended = client.run_here()
    assert ended.code == failed(call), ended.err
    assert "Next: Run the same command again" in ended.err
    client.finish()


# Refused for now


@pytest.mark.parametrize("count", [1, 2])
@EVERY_CALL
def test_a_server_that_is_away_is_asked_again(
    client: ClientBehindFront, call: str, count: int
) -> None:
    client.front.faults.append(at(call, answering(503), count))
    ended = client.run()
    assert ended.code == DONE, ended.err
    client.check()


def test_a_short_wait_that_the_server_asks_for_is_kept(client: ClientBehindFront) -> None:
    moments: list[float] = []

    def noted(exchange: Exchange) -> bool:
        if exchange.method == "PUT" and "/confirmation" not in exchange.path:
            moments.append(time.monotonic())
        return False

    client.front.faults += [noted, at("rotation", answering(429, Retry_After="1"))]
    ended = client.run()
    assert ended.code == DONE, ended.err
    first, second = moments
    assert second - first >= 0.95
    client.check()


@EVERY_CALL
def test_a_wait_beyond_the_time_limit_ends_the_run_at_once(
    client: ClientBehindFront, call: str
) -> None:
    client.front.faults.append(at(call, answering(429, Retry_After="3600"), count=1000))
    began = time.monotonic()
    ended = client.run("--timeout", "25s")
    assert time.monotonic() - began < 20
    assert ended.code == failed(call), ended.err
    assert "429" in ended.err
    assert "--timeout" in ended.err
    assert len(client.front.calls(CALLS[call][0], CALLS[call][1])) == CALLS[call][2] + 1
    client.finish()


# Twice


@pytest.mark.parametrize("call", ["rotation", "confirmation"])
@pytest.mark.parametrize("answered", [0, 1])
def test_a_request_that_arrives_twice_counts_once(
    client: ClientBehindFront, call: str, answered: int
) -> None:
    client.front.faults.append(at(call, twice(answered)))
    ended = client.run()
    assert ended.code == DONE, ended.err
    client.check()


# Torn, slow, wrong


@pytest.mark.parametrize("length", [0, 1, 17, 200, 400])
@EVERY_CALL
def test_an_answer_that_breaks_off_is_asked_for_again(
    client: ClientBehindFront, call: str, length: int
) -> None:
    client.front.faults.append(at(call, torn(length)))
    ended = client.run()
    assert ended.code == DONE, ended.err
    client.check()


@EVERY_CALL
def test_answers_that_always_break_off_end_the_run(client: ClientBehindFront, call: str) -> None:
    client.front.faults.append(at(call, torn(100), count=1000))
    ended = client.run_here()
    assert ended.code == failed(call), ended.err
    client.finish()


@EVERY_CALL
def test_an_answer_that_drips_is_cut_at_the_time_limit(
    client: ClientBehindFront, call: str
) -> None:
    client.front.faults.append(at(call, dripping(0.5)))
    began = time.monotonic()
    ended = client.run("--timeout", "4s")
    assert time.monotonic() - began < 40
    assert ended.code == failed(call), ended.err
    assert "--timeout" in ended.err
    client.finish()


@pytest.mark.parametrize("call", ["rotation", "confirmation"])
def test_the_answer_of_another_rotation_is_not_believed(
    client: ClientBehindFront, call: str
) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    client.front.faults.append(at(call, altered(with_members(id=other))))
    ended = client.run()
    assert ended.code == failed(call), ended.err
    assert "a different rotation" in ended.err
    client.finish()


def test_a_confirmation_that_does_not_say_so_is_not_believed(client: ClientBehindFront) -> None:
    client.front.faults.append(at("confirmation", answering(200, b"{}")))
    assert client.run().code == NOT_DELIVERED
    client.front.faults[:] = [at("confirmation", altered(with_members(state="open")))]
    ended = client.run()
    # The server has confirmed: a new command asks for the rotation and finds that.
    assert ended.code == NOT_DELIVERED, ended.err
    assert "did not confirm" in ended.err
    client.finish()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
@EVERY_CALL
def test_a_time_that_no_clock_shows_is_not_believed(
    client: ClientBehindFront, call: str, moment: str
) -> None:
    """It was an internal error with exit 1, even after delivery and confirmation."""
    client.front.faults.append(at(call, altered(with_members(serverTime=moment))))
    ended = client.run()
    assert ended.code == failed(call), ended.err
    assert "serverTime is out of range" in ended.err
    assert "Internal error" not in ended.err
    client.finish()


@EVERY_CALL
def test_a_proxys_page_is_not_an_answer(client: ClientBehindFront, call: str) -> None:
    page = answering(200, b"<html>Please sign in</html>", Content_Type="text/html")
    client.front.faults.append(at(call, page))
    ended = client.run()
    assert ended.code == failed(call), ended.err
    assert "text/html" in ended.err
    client.finish()
