"""A kill, or an error of the system, at any call that the client makes on files and sockets.

strace counts the calls of an undisturbed run first; then it disturbs the n-th one of a kind.
"""

import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from proof.conftest import Proof
from proof.destinations import EVERY
from proof.lanes import Lanes
from proof.matrix import chosen
from rotation.fault_harness import DONE, FaultHarness
from rotation.locations import LOCATIONS, Expected, KeyLocation
from support.kill import Ended
from support.system_calls import Call, calls_in, logged_to

CODES = ("ENOSPC", "EIO", "EDQUOT", "EROFS", "EBUSY", "EXDEV", "EACCES", "EINTR", "EMFILE")
_FAILURES = {1, 10, 11, 12, 14}
"""The exit codes with which a run may answer an error of the system."""

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@cache
def log_of_a_run(lanes: Lanes, kind: str) -> tuple[Path, Path]:
    """Return the log of an undisturbed run's calls, and the folder of its place."""
    log = lanes.folder / f"calls {kind}"
    places = []

    def run(harness: FaultHarness, place: KeyLocation) -> Ended:
        places.append(place.folder)
        return harness.run(place, tracer=logged_to(log))

    lanes.undisturbed(kind, run)
    return log, places[0]


def test_everything_is_on_the_disk_before_the_next_step_counts_on_it(lanes: Lanes) -> None:
    """A power cut cannot be tried here; the order that survives one can be seen."""
    log, folder = log_of_a_run(lanes, "key file")
    text = log.read_text(errors="replace")
    steps = "".join(_step(line, str(folder)) for line in text.splitlines())
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


@pytest.mark.parametrize("kind", EVERY)
def test_the_same_command_finishes_what_a_kill_at_a_call_cut(
    lanes: Lanes, kind: str, proof: Proof
) -> None:
    calls = calls_in(*log_of_a_run(lanes, kind))
    sample, full = (5, None) if kind in LOCATIONS else (1, 30)

    def attempt(harness: FaultHarness, place: KeyLocation, name: str, call: Call) -> Expected:
        ended = harness.run(place, tracer=call.killed())
        record.count("killed" if ended.killed else "over before")
        harness.check_nothing_is_lost(place)
        return harness.finish(place, name)

    with proof("kill at a system call") as record:
        lanes.try_each(record, kind, chosen(calls, sample, f"{kind} calls", full), attempt)
        # A run may have fewer calls than the counted one: waiting for a program takes any number.
        assert record.outcomes["killed"] >= record.points * 0.5 - 1


@pytest.mark.parametrize("kind", EVERY)
def test_the_same_command_finishes_what_an_error_of_the_system_stopped(
    lanes: Lanes, kind: str, proof: Proof
) -> None:
    calls = calls_in(*log_of_a_run(lanes, kind))
    faults = [(call, code) for call in calls for code in CODES]
    sample, full = (8, 400) if kind in LOCATIONS else (1, 20)

    def attempt(
        harness: FaultHarness, place: KeyLocation, name: str, fault: tuple[Call, str]
    ) -> Expected:
        call, code = fault
        ended = harness.run(place, tracer=call.failed(code))
        record.count("had no effect" if ended.code == DONE else f"exit code {ended.code}")
        check_failure(harness, place, call, ended)
        if ended.code == DONE:
            return harness.expect(place, name)
        return harness.finish(place, name)

    with proof("error of a system call") as record:
        lanes.try_each(record, kind, chosen(faults, sample, f"{kind} errors", full), attempt)


def check_failure(harness: FaultHarness, place: KeyLocation, call: Call, ended: Ended) -> None:
    """Fail unless a run that met an error says so, and asked for nothing it could not keep."""
    harness.check_nothing_is_lost(place)
    assert "Internal error" not in ended.err, ended.err
    if ended.code == DONE:  # what failed was needed for nothing but tidiness
        assert harness.is_over(place) or "Delete it" in ended.err, ended.err
        return
    assert ended.code in _FAILURES, f"{ended.code}: {ended.err}"
    assert "Next: " in ended.err, ended.err
    if call.on_journal and not call.asked:
        assert not harness.oracle.has_rotation(place.key), "asked without a journal"
