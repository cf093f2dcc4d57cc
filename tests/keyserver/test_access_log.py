"""The access log's own writing: lines as those of the log, a few in one write, no fault of it."""

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest

from signotaur_keyserver.runtime.access_log import AccessLog
from signotaur_keyserver.runtime.logs import TEXT_FORMATTER, JsonFormatter, LogFormat

MOMENTS = (0.0, 0.0019, 0.9994, 0.9996, 1.0, 1_792_000_000.5, 1_800_000_000.25)


class Writes(StringIO):
    """A stream that keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []

    def write(self, text: str) -> int:
        self.made.append(text)
        return len(text)


class FullDisk(Writes):
    """A stream that keeps nothing until there is room again."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def run(test: Callable[[], object]) -> None:
    """Call a test in an event loop, which turns once more after it."""

    async def body() -> None:
        test()
        await asyncio.sleep(0)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, body()).result()


def note(log: AccessLog, times: int = 1) -> None:
    for _ in range(times):
        log("GET", "/healthz", 200, 0.25, 7)


def record(created: float) -> logging.LogRecord:
    message = "GET /healthz 200 0.2ms key=7"
    made = logging.makeLogRecord({"msg": message, "levelname": "INFO"})
    made.name = "signotaur_keyserver.access"
    made.created, made.msecs = created, created % 1 * 1000
    return made


def test_a_line_of_text_is_one_of_pythons_formatter() -> None:
    """Ours keeps the text of a second."""
    writes, times = Writes(), iter(MOMENTS)
    log = AccessLog(writes, LogFormat.TEXT, lambda: next(times))
    run(lambda: note(log, times=len(MOMENTS)))
    expected = [TEXT_FORMATTER.format(record(created)) for created in MOMENTS]
    assert "".join(writes.made).splitlines() == expected


def test_a_line_of_json_has_all_that_other_lines_have_and_the_request() -> None:
    writes = Writes()
    log = AccessLog(writes, LogFormat.JSON, lambda: 1.5)
    run(lambda: note(log))
    assert json.loads(writes.made[0]) == json.loads(JsonFormatter().format(record(1.5))) | {
        "method": "GET",
        "path": "/healthz",
        "status": 200,
        "milliseconds": 0.25,
        "keyId": 7,
    }


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_lines_of_one_turn_leave_together_but_never_too_many(log_format: LogFormat) -> None:
    """A pipe keeps 4096 bytes together, so that the lines of several workers do not mix."""
    writes = Writes()
    log = AccessLog(writes, log_format)
    longest = "/api/v1/rotations/00000000-0000-0000-0000-000000000000/confirmation"

    def body() -> None:
        for _ in range(25):
            log("OPTIONS", longest, 500, 59_999.123456789, 2**63)

    run(body)
    assert [text.count("\n") for text in writes.made] == [10, 10, 5]
    assert all(len(text.encode()) <= 4096 for text in writes.made)


def test_a_full_disk_fails_no_request() -> None:
    disk = FullDisk()
    log = AccessLog(disk, LogFormat.TEXT)

    def body() -> None:
        note(log, times=15)
        disk.full = False

    run(body)
    assert "".join(disk.made).count("\n") == 5
