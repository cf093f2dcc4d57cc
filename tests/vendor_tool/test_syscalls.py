"""``kill -9`` at system calls of a run with ``--tool``, and then the same command again.

Only the client is killed: the tool that it started works on, as it does in a job that is ended.
"""

import shutil
import time
from pathlib import Path

import pytest

from rotation.locations import points
from support.client import Finished, run_client
from support.keyserver import KeyServer
from support.system_calls import Call, calls_in, logged_to
from vendor_tool.conftest import ToolClient

KILLED, DONE, UNFINISHED, STILL_RUNNING = -9, 0, 12, 14
KILLS = 6

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def run_under(client: ToolClient, *prefix: str) -> Finished:
    return run_client(*client.words(), env=client.environ, prefix=prefix)


def finish(client: ToolClient) -> Finished:
    """Run the same command again, once the tool of the killed run has ended."""
    while (ended := client.rotate_by_tool()).code == STILL_RUNNING:
        time.sleep(0.05)
    return ended


def calls_of_a_run(client: ToolClient) -> list[Call]:
    """Return the calls of an undisturbed run on its files, in their order."""
    log = client.folder / "calls"
    ended = run_under(client, *logged_to(log, alone=True))
    assert ended.code == DONE, ended.said
    return [call for call in calls_in(log, client.folder, alone=True) if call.on_file]


def test_the_same_command_finishes_what_a_kill_at_a_call_cut(
    plain_server: KeyServer, tmp_path: Path, fresh_name: str
) -> None:
    calls = calls_of_a_run(ToolClient(plain_server, tmp_path / "whole", fresh_name))
    kills = 0
    for number, point in enumerate(points(KILLS, len(calls), "calls with the tool")):
        call = calls[point - 1]
        client = ToolClient(plain_server, tmp_path / str(number), f"{fresh_name} {number}")
        old = client.stored
        killed = run_under(client, *call.killed())
        kills += killed.code == KILLED
        assert plain_server.accepts(client.stored), call
        if killed.code == DONE or client.is_over(old):
            continue
        ended = finish(client)
        assert len(client.ledger.successors(old)) <= 1, call
        if ended.code == UNFINISHED:
            # The tool was never started, or the run was killed when it started it.
            assert "does not contain its answer" in ended.err, call
            assert client.ledger.successors(old) == [], call
            ended = client.rotate_by_tool("--again")
        assert ended.code == DONE, (call, ended.said)
        assert client.stored != old, call
        assert plain_server.accepts(client.stored), call
        assert client.leftovers() == [], call
    assert kills >= min(KILLS, len(calls)) * 0.9, f"{kills} kills at {len(calls)} calls"
