"""Answers that are cut at any byte: connection closed, reset, or silent.

``http.client`` accepts a status line or headers that end too early, so ``HTTP/1.1 201 Crea`` was an
answer without a body and ended the run (102 of 450 offsets of one answer). An answer that stalled
in its body ended the run after one read time-out (36 of 50 offsets). Both are lost answers: the
client sends the same request again, which is safe.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from socket import socket
from uuid import uuid4

import pytest

from rotation.locations import FACTOR, SEED, KeyFile, Oracle
from signotaur_action.http import ApiProfile, Credential, Deadline, HttpClient
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.model import RotationIntent, Secret
from support.clock import VirtualClock
from support.keys import add_keys, lineages
from support.keyserver import KeyServer
from support.kill import Nursery
from support.wire import Cut, Relay, ScriptedServer, cut

PARALLEL = 24
EVERY_CUT = pytest.mark.parametrize("how", list(Cut), ids=lambda how: how.value)


# One answer, at every byte


class Cutter:
    """Gives the same answer to all requests, and cuts it on demand."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._cut: tuple[int, Cut] | None = None
        self.whole = 0
        """How often the complete answer was sent."""

    def cut_next(self, after: int, how: Cut) -> None:
        self._cut = (after, how)

    def __call__(self, connection: socket) -> bool:
        if self._cut is None:
            self.whole += 1
            connection.sendall(self._answer)
            return True
        (after, how), self._cut = self._cut, None
        connection.sendall(self._answer[:after])
        cut(connection, how)
        return False


def real_answer(server: KeyServer, name: str, call: str) -> bytes:
    """Return the bytes of the real server's answer to a call of a rotation."""
    (old,) = add_keys(server, [name])
    with Relay(server.url) as relay:
        asked = HttpKeyService(ServerAddress(relay.url), VirtualClock())
        candidate = asked.new_key()
        assert candidate is not None
        intent = RotationIntent(
            uuid4(), candidate, overlap_days=7, auto_revoke=True, again=False, holder="a test"
        )
        calls: dict[str, Callable[[], object]] = {
            "self": lambda: asked.describe(Secret(old)),
            "rotation": lambda: asked.open_rotation(Secret(old), intent),
            "confirmation": lambda: asked.confirm(candidate, intent.id),
        }
        for each, make in calls.items():
            before = len(relay.received)
            make()
            if each == call:
                return relay.received[before:]
    raise AssertionError(call)


def cut_offsets(answer: bytes) -> list[int]:
    """Return where to cut: about each line end at every byte, elsewhere at one of a few."""
    step = max(1, 4 // FACTOR)
    return [
        n for n in range(len(answer)) if n % step == SEED % step or b"\r" in answer[n - 2 : n + 2]
    ]


@EVERY_CUT
@pytest.mark.parametrize("call", ["self", "rotation", "confirmation"])
def test_an_answer_that_is_cut_at_any_byte_is_asked_for_again(
    plain_server: KeyServer, fresh_name: str, call: str, how: Cut
) -> None:
    answer = real_answer(plain_server, fresh_name, call)
    assert len(answer) > 500
    # Many tries: a slow machine needs more of them and does not fail.
    profile = ApiProfile("a test", repeatable=("PUT",), tries=1000)

    def try_at(offsets: list[int]) -> None:
        cutter = Cutter(answer)
        with ScriptedServer(cutter) as server:
            address = ServerAddress(server.url, read_timeout=timedelta(seconds=0.1))
            clock = VirtualClock()
            client = HttpClient(address, profile, Deadline(600, "a test", clock), clock)
            for offset in offsets:
                cutter.cut_next(offset, how)
                whole = cutter.whole
                found = client.call("PUT", "/", Credential(Secret("s" * 20)))
                assert found.document == json.loads(answer.partition(b"\r\n\r\n")[2]), offset
                assert cutter.whole > whole, offset

    offsets = cut_offsets(answer)
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(try_at, [offsets[n::PARALLEL] for n in range(PARALLEL)]))


def assert_one_new_key_each(server: KeyServer, names: list[str]) -> None:
    found = lineages(server)
    shown = [(len(found[name].ids), found[name].confirmed) for name in names]
    assert shown == [(2, 1)] * len(names)


@pytest.mark.parametrize("how", [Cut.FIN, Cut.RESET], ids=["fin", "reset"])
def test_a_run_in_which_an_answer_is_cut_exits_0(
    plain_server: KeyServer, nursery: Nursery, tmp_path: Path, fresh_name: str, how: Cut
) -> None:
    """The real command, without stalls: its read time-out is 15 s."""
    names = [f"{fresh_name} {number}" for number in range(12)]
    for number, key in enumerate(add_keys(plain_server, names)):
        place = KeyFile(tmp_path / str(number), key)
        with Relay(plain_server.url) as relay:
            relay.cut_next(number * 240, how)
            command = ("rotate-key", *place.arguments, "--sign-server", relay.url)
            ended = nursery.run(command, place.env)
            assert relay.count == 2
        assert ended.code == 0, ended.err
        assert place.leftovers() == []
        assert Oracle(plain_server).is_confirmed_successor(place.held())
    assert_one_new_key_each(plain_server, names)
