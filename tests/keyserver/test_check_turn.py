"""Key checks that are answered from memory, together: what holds for one holds for each."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_network
from time import monotonic

import pytest
import uvicorn
from starlette.types import Scope
from uvicorn.server import ServerState

from keyserver.harness import ServerHarness
from keyserver.statements import executed
from signotaur_keyserver.api.app import KeyServer, Options, create_app
from signotaur_keyserver.runtime.bounded_http import BoundedHttp
from signotaur_keyserver.runtime.check_turn import CheckTurn
from signotaur_keyserver.runtime.connections import DEFAULT, Connection, Connections, Phase
from signotaur_keyserver.runtime.server import configured
from signotaur_keyserver.service import administration, policies
from signotaur_wire import paths

TURNS = 5
"""Of the event loop: more than any answer here needs without a task."""


class Wire(asyncio.Transport):
    """The other end of a connection: it keeps what is sent."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 443)})
        self.sent = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Do nothing: all was read."""

    def resume_reading(self) -> None:
        """Do nothing, likewise."""

    def answers(self) -> list[tuple[int, str]]:
        """Return status, and state or problem, of every answer."""
        return [_outcome(part) for part in re.split(rb"HTTP/1\.1 (?=[1-5])", self.sent)[1:]]


def _outcome(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    members = json.loads(body)
    return int(head[:3]), members.get("state", members.get("type"))


@dataclass
class Served:
    """The application behind connections in memory."""

    app: KeyServer
    checks: CheckTurn
    config: uvicorn.Config
    state: ServerState

    def connect(self) -> tuple[BoundedHttp, Wire, Connection]:
        """Open a connection."""
        place = Connection("192.0.2.1", lambda: None, 0)
        protocol = BoundedHttp(
            Connections(DEFAULT),
            place,
            self.checks,
            config=self.config,
            server_state=self.state,
            app_state={},
        )
        wire = Wire()
        protocol.connection_made(wire)
        return protocol, wire, place

    def ask(self, *keys: str, lines: str = "") -> Wire:
        """Send key checks over a new connection, all at once."""
        protocol, wire, _place = self.connect()
        protocol.data_received(b"".join(check(key, lines) for key in keys))
        return wire


def check(key: str, lines: str = "") -> bytes:
    """Return the bytes of a key check."""
    head = f"GET {paths.KEYS_SELF} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    return (head + lines + "\r\n").encode()


@pytest.fixture
def logged() -> list[tuple[object, ...]]:
    """Lines of the access log: method, path, status and key id."""
    return []


def over(app: KeyServer) -> Served:
    """Return an application with a head that every answer gets, as a server has it."""
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    return Served(app, CheckTurn(app.known_checks), configured(app, None), state)


@pytest.fixture
def served(world: ServerHarness, logged: list[tuple[object, ...]]) -> Iterator[Served]:
    def log(method: str, path: str, status: int, _milliseconds: float, key_id: object) -> None:
        logged.append((method, path, status, key_id))

    app = create_app(world.database, Options(access_log=log))
    app.context.known_keys.start()
    yield over(app)
    app.context.known_keys.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test in an event loop, in a thread that has no other one."""

    async def body() -> None:
        await test()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, body()).result()


async def turns(wires: Sequence[Wire] = ()) -> None:
    """Let the loop turn; wait for tasks until every wire has an answer."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
    await until(lambda: all(wire.sent for wire in wires))


async def until(condition: Callable[[], bool]) -> None:
    """Look at a condition in every turn of the loop until it holds."""
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0)


def test_a_known_key_needs_no_task(world: ServerHarness, served: Served) -> None:
    key = world.key()

    async def body() -> None:
        first = served.ask(key)
        await turns([first])
        with executed(world, "keys") as statements:
            second = served.ask(key)
            tasks = len(asyncio.all_tasks())
            await turns()
            assert len(asyncio.all_tasks()) == tasks == 1
        assert statements == []
        assert first.answers() == second.answers() == [(200, "active")]
        assert _stable(first.sent) == _stable(second.sent)

    run(body)


def _stable(answer: bytes) -> tuple[set[bytes], object]:
    """Return the lines of the head and the body, without the server's time."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return set(head.split(b"\r\n")), json.loads(body) | {"serverTime": None}


def test_a_revocation_holds_for_all_that_wait(world: ServerHarness, served: Served) -> None:
    """It was committed after they had arrived, and before any of them was answered."""
    key = world.key()

    async def body() -> None:
        await turns([served.ask(key)])
        wires = [served.ask(key) for _ in range(3)]
        administration.set_key_enabled(world.database, 1, enabled=False)
        await turns(wires)
        assert [wire.answers() for wire in wires] == [[(401, "key-disabled")]] * 3
        administration.set_key_enabled(world.database, 1, enabled=True)
        await turns([last := served.ask(key)])
        assert last.answers() == [(200, "active")]

    run(body)


def test_a_revocation_between_pipelined_checks_holds_for_the_second(
    world: ServerHarness, served: Served
) -> None:
    key = world.key()

    async def body() -> None:
        await turns([served.ask(key)])
        wire = served.ask(key, key)
        await until(lambda: bool(wire.sent))
        administration.set_key_enabled(world.database, 1, enabled=False)
        await until(lambda: len(wire.answers()) == 2)
        assert wire.answers() == [(200, "active"), (401, "key-disabled")]

    run(body)


def test_pipelined_checks_are_answered_in_order(world: ServerHarness, served: Served) -> None:
    first, second = world.key(), world.key()

    async def body() -> None:
        await turns([served.ask(first), served.ask(second)])
        wire = served.ask(first, "unknown", second, first)
        await until(lambda: len(wire.answers()) == 4)
        assert [status for status, _ in wire.answers()] == [200, 401, 200, 200]
        assert re.findall(rb'{"id":(\d)', wire.sent) == [b"1", b"2", b"1"]

    run(body)


def test_each_check_is_counted_logged_and_noted_once(
    world: ServerHarness, served: Served, logged: list[tuple[object, ...]]
) -> None:
    key = world.key()

    async def body() -> None:
        for _ in range(3):
            await turns([served.ask(key)])
        await turns([served.ask(key[:-1] + "~")])

    run(body)
    assert served.app.context.requests.by_status == {200: 3, 401: 1}
    assert logged == [*[("GET", paths.KEYS_SELF, 200, 1)] * 3, ("GET", paths.KEYS_SELF, 401, "-")]
    assert [use.uses for use in served.app.context.last_uses.take()] == [3]


def test_a_key_that_asks_too_often_is_refused_here_as_well(world: ServerHarness) -> None:
    app = create_app(world.database, Options(key_requests_per_minute=3))
    app.context.known_keys.start()
    served, key = over(app), world.key()

    async def body() -> None:
        wires = []
        for _ in range(5):
            wires.append(served.ask(key))
            await turns(wires)
        statuses = [wire.answers()[0][0] for wire in wires]
        assert statuses == [200, 200, 200, 429, 429]

    run(body)
    app.context.known_keys.stop()


def test_a_refusal_from_elsewhere_counts_once(world: ServerHarness) -> None:
    """The application refuses it, and counts it: here it must not be counted before."""
    proxies = (ip_network("192.0.2.1/32"),)
    app = create_app(world.database, Options(key_requests_per_minute=4, trusted_proxies=proxies))
    app.context.known_keys.start()
    served, key = over(app), world.key()
    policies.set_key_policy(world.database, 1, networks=["198.51.100.0/24"])

    async def body() -> None:
        wires = []
        for last in ("198.51.100.7", *["203.0.113.1"] * 4):
            wires.append(served.ask(key, lines=f"X-Forwarded-For: {last}\r\n"))
            await turns(wires)
        statuses = [wire.answers()[0][0] for wire in wires]
        assert statuses == [200, 403, 403, 403, 429]

    run(body)
    app.context.known_keys.stop()


@pytest.mark.parametrize(
    ("lines", "status"),
    [("Host: y\r\n", 400), ("Content-Length: 99999\r\n", 413), ("Content-Length: 0\r\n", 200)],
)
def test_the_rules_of_every_request_hold(
    world: ServerHarness, served: Served, lines: str, status: int
) -> None:
    key = world.key()

    async def body() -> None:
        await turns([served.ask(key)])
        wire = served.ask(key, lines=lines)
        await turns([wire])
        assert wire.answers()[0][0] == status

    run(body)


def test_a_connection_that_the_server_ends_is_answered_and_closed(
    world: ServerHarness, served: Served
) -> None:
    key = world.key()

    async def body() -> None:
        await turns([served.ask(key)])
        protocol, wire, _place = served.connect()
        protocol.data_received(check(key))
        protocol.shutdown()
        await turns([wire])
        assert wire.answers() == [(200, "active")]
        assert wire.closed

    run(body)


def test_a_proven_key_makes_its_connection_known(world: ServerHarness, served: Served) -> None:
    key = world.key()

    async def body() -> None:
        await turns([served.ask(key)])
        protocol, wire, place = served.connect()
        protocol.data_received(check(key))
        assert (place.known, place.busy, place.phase) == (False, True, Phase.ANSWER)
        await turns([wire])
        assert (place.known, place.busy, place.phase) == (True, False, Phase.IDLE)

    run(body)


class OneFault:
    """Answers all checks but one, over which it fails."""

    def look(self) -> bool:
        """Return that checks are answered."""
        return True

    def answer(self, scope: Scope) -> bytes | None:
        """Return the name of a check."""
        name = str(scope["name"])
        if name == "fault":
            raise ValueError(name)
        return name.encode()


def test_a_fault_in_one_check_leaves_the_others_their_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers: list[bytes | None] = []

    async def body() -> None:
        turn = CheckTurn(OneFault())
        for name in ("first", "fault", "last"):
            turn.add({"name": name}, answers.append)
        await turns()

    run(body)
    assert answers == [b"first", None, b"last"]
    assert "not answered from memory" in caplog.text
