"""A kill, or an error of the system, at any call that the client makes on files and sockets.

strace counts the calls of an undisturbed run first; then it disturbs the n-th one of a kind.
"""

import re
import shutil
from collections.abc import Callable

import pytest

from rotation.fault_harness import DONE, FaultHarness
from rotation.locations import KeyLocation, points
from rotation.system_calls import Call, calls_in, logged_to
from support.client import Finished

KILLED = -9
KILLS, ERRORS = 20, 20
"""How many points of each sort."""
CODES = ("EIO", "ENOSPC", "EROFS")
_FAILURES = {1, 10, 11, 12}
"""The exit codes with which a run may answer an error of the system."""

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def calls_of_a_run(harness: FaultHarness, kind: str) -> list[Call]:
    """Return the calls of an undisturbed run on files of its place, and on sockets."""
    log = harness.folder / "calls"
    places: list[KeyLocation] = []

    def run(place: KeyLocation) -> Finished:
        places.append(place)
        return harness.run_under(place, *logged_to(log))

    harness.undisturbed(kind, run)
    return list(calls_in(log, places[0].folder))


def test_everything_is_on_the_disk_before_the_next_step_counts_on_it(harness: FaultHarness) -> None:
    """A power cut cannot be tried here; the order that survives one can be seen."""
    log = harness.folder / "calls"
    harness.undisturbed("key file", lambda place: harness.run_under(place, *logged_to(log)))
    text = log.read_text(errors="replace")
    steps = "".join(_step(line, str(harness.folder / "undisturbed")) for line in text.splitlines())
    # j: journal written, J: journal synced, F: folder synced, t: new file written, T: synced,
    # r: renamed, s: something sent. Before the first request come the trials of both files.
    before, trial, rest = steps.partition("jJtT")
    assert (before, trial) == ("", "jJtT")
    assert re.fullmatch(r"s+J?jJFs+tTrFjJs+JF", rest), steps


def _step(line: str, folder: str) -> str:
    match = re.match(r"\d+ +(\w+)\((?:\d+<([^>]*)>)?", line)
    if match is None:
        return ""
    call, target = match[1], match[2] or ""
    if call == "write" and target.startswith("socket:"):
        return "s"
    if not target.startswith(folder):
        return ""
    marks = {
        ("pwrite64", ".rotation"): "j",
        ("fsync", ".rotation"): "J",
        ("write", ".tmp"): "t",
        ("fsync", ".tmp"): "T",
        ("renameat", folder): "r",
        ("fsync", folder): "F",
    }
    return next(
        (mark for (name, end), mark in marks.items() if call == name and target.endswith(end)), ""
    )


@pytest.mark.parametrize("kind", ["key file", "variable to Continua CI"])
def test_the_same_command_finishes_what_a_kill_at_a_call_cut(
    harness: FaultHarness, kind: str, say: Callable[[str], None]
) -> None:
    calls = calls_of_a_run(harness, kind)
    chosen = [calls[point - 1] for point in points(KILLS // 2, len(calls), f"{kind} calls")]
    expectations, kills = [], 0
    for call, (name, place) in zip(chosen, harness.places(kind, len(chosen)), strict=True):
        ended = harness.run_under(place, *call.killed())
        kills += ended.code == KILLED
        expectations.append(harness.finish(place, name))
    harness.check_server(expectations)
    say(f"{kills} kills at {len(calls)} calls")
    assert kills >= len(chosen) * 0.9


@pytest.mark.parametrize("kind", ["key file", "dotenv file"])
def test_the_same_command_finishes_what_an_error_of_the_system_stopped(
    harness: FaultHarness, kind: str, say: Callable[[str], None]
) -> None:
    calls = [call for call in calls_of_a_run(harness, kind) if call.on_file]
    faults = [(call, code) for call in calls for code in CODES]
    chosen = [faults[point - 1] for point in points(ERRORS // 2, len(faults), f"{kind} errors")]
    expectations, failures = [], 0
    for (call, code), (name, place) in zip(chosen, harness.places(kind, len(chosen)), strict=True):
        ended = harness.run_under(place, *call.failed(code))
        told = f"{call} {code}: {ended.code} {ended.err}"
        assert harness.oracle.accepts(place.key), told
        assert "Internal error" not in ended.err, told
        if ended.code == DONE:  # what failed was needed for nothing but tidiness
            assert harness.is_over(place) or "Delete it" in ended.err, told
            expectations.append(harness.expect(place, name))
        else:
            failures += 1
            assert ended.code in _FAILURES, told
            assert "Next: " in ended.err, told
            expectations.append(harness.finish(place, name))
    harness.check_server(expectations)
    say(f"{failures} failures of {len(chosen)} errors at {len(calls)} calls")
    assert failures >= len(chosen) // 3
