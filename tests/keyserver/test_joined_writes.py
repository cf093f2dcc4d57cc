"""Writes of one turn of the event loop leave together, and in order."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from signotaur_keyserver.runtime.joined_writes import JoinedWrites


class Recorded(asyncio.Transport):
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 443)})
        self.calls: list[bytes | str] = []
        self.ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def close(self) -> None:
        self.calls.append("close")

    def is_closing(self) -> bool:
        return self.ended


def run(test: Callable[[Recorded, JoinedWrites], Awaitable[None]]) -> list[bytes | str]:
    recorded = Recorded()

    async def body() -> None:
        await test(recorded, JoinedWrites(recorded, asyncio.get_running_loop()))

    # In a thread of its own: a browser's driver leaves a running loop in that of the tests.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, body()).result()
    return recorded.calls


def test_head_and_body_of_an_answer_are_one_write() -> None:
    async def answers(_: Recorded, transport: JoinedWrites) -> None:
        for _turn in range(2):
            transport.write(b"head ")
            transport.write(b"body")
            await asyncio.sleep(0)

    assert run(answers) == [b"head body", b"head body"]


def test_what_waits_is_sent_before_the_end() -> None:
    async def ends(_: Recorded, transport: JoinedWrites) -> None:
        transport.write(b"last")
        transport.close()

    assert run(ends) == [b"last", "close"]


def test_nothing_is_sent_over_a_connection_that_has_ended() -> None:
    """Before, uvloop's error for it was a traceback in the log, for any client that left early."""

    async def leaves(recorded: Recorded, transport: JoinedWrites) -> None:
        transport.write(b"late")
        recorded.ended = True
        await asyncio.sleep(0)

    assert run(leaves) == []


def test_a_large_body_does_not_wait_in_memory() -> None:
    """The transport must see it, or it could not ask the application to stop."""

    async def large(recorded: Recorded, transport: JoinedWrites) -> None:
        part = b"x" * 40_000
        for _part in range(10):
            transport.write(part)
        assert len(recorded.calls) == 5

    assert b"".join(each for each in run(large) if isinstance(each, bytes)) == b"x" * 400_000


def test_all_else_is_asked_of_the_transport() -> None:
    async def asks(_: Recorded, transport: JoinedWrites) -> None:
        assert transport.get_extra_info("peername") == ("192.0.2.1", 443)
        await asyncio.sleep(0)

    assert run(asks) == []
