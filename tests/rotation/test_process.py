"""The process: signals, the watchdog, process 1 of a container, streams that are closed or full."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rotation.holding import held_back, wait
from rotation.locations import KeyFile, KeyLocation, Oracle, Stdout
from support.client import BARE, CLIENT, Finished, run_client, start_client
from support.front import Front
from support.keys import add_keys, lineages
from support.keyserver import KeyServer

DONE, NOT_DELIVERED, WATCHDOG = 0, 12, 142
SIGNALS = pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "The run was interrupted (SIGINT)."),
        (signal.SIGTERM, 143, "The run was terminated (SIGTERM)."),
    ],
    ids=["SIGINT", "SIGTERM"],
)
UNTOUCHED = "The old key is untouched and still works."
BOTH_WORK = "The old and the new key both work"
MOMENTS = {
    "asked for the key": ("GET", "/keys/self", 0, UNTOUCHED),
    "opened": ("PUT", "/rotations/", 0, UNTOUCHED),
    "verified": ("GET", "/keys/self", 1, BOTH_WORK),
    "confirmed": ("PUT", "/confirmation", 0, "Every destination has the new key"),
}
"""When the signal comes: while the answer to this call is awaited; what is said of the keys."""


@pytest.fixture
def place(plain_server: KeyServer, fresh_name: str, tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "place", add_keys(plain_server, [fresh_name])[0])


@pytest.fixture
def printing(plain_server: KeyServer, fresh_name: str, tmp_path: Path) -> Stdout:
    return Stdout(tmp_path / "place", add_keys(plain_server, [fresh_name])[0])


def command(place: KeyLocation, front: Front) -> tuple[str | Path, ...]:
    return ("rotate-key", *place.arguments, *front.options)


def assert_one_successor(server: KeyServer, name: str, place: KeyLocation) -> None:
    lineage = lineages(server)[name]
    assert lineage.survivors == (Oracle(server).id_of(place.held()),)
    assert (len(lineage.ids), lineage.confirmed) == (2, 1)
    assert place.leftovers() == []


# Signals


@SIGNALS
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_ends_the_run_with_the_state_of_the_keys(
    plain_server: KeyServer,
    front: Front,
    place: KeyFile,
    fresh_name: str,
    number: signal.Signals,
    code: int,
    said: str,
    moment: str,
) -> None:
    method, part, before, keys = MOMENTS[moment]
    with held_back(front, method, part, before) as (arrived, _free):
        run = start_client(*command(place, front), env=place.env)
        assert arrived.wait(30)
        run.send_signal(number)
        ended = wait(run)
    assert ended.code == code, ended.err
    assert said in ended.err
    assert f"Keys: {keys}" in ended.err
    assert "Next: Run the same command again" in ended.err
    assert "Traceback" not in ended.err
    assert Oracle(plain_server).accepts(place.held())
    again = run_client(*command(place, front), env=place.env)
    assert again.code == DONE, again.err
    assert_one_successor(plain_server, fresh_name, place)


def test_a_second_signal_does_not_cut_the_report(front: Front, place: KeyFile) -> None:
    with held_back(front, "PUT", "/rotations/") as (arrived, _free):
        run = start_client(*command(place, front), env=place.env)
        assert arrived.wait(30)
        for _ in range(20):
            run.send_signal(signal.SIGTERM)
        ended = wait(run)
    assert ended.code == 143
    assert ended.err.count("Keys: ") == 1
    assert "Traceback" not in ended.err


def test_a_signal_while_another_program_waits_for_its_turn_is_not_lost(place: KeyFile) -> None:
    """Signals that the parent had blocked or ignored end the run all the same."""
    code = (
        "import os, signal, sys;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM});"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    blackhole = ("--sign-server", "http://127.0.0.1:9", "--timeout", "30s")
    run = subprocess.Popen(
        [sys.executable, "-c", code, *CLIENT, "rotate-key", *place.arguments, *blackhole],
        env=BARE | place.env,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert _eventually((place.folder / ".key.txt.rotation").exists)
    run.terminate()
    _, err = run.communicate(timeout=120)
    assert run.returncode == 143, err


def _eventually(check: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# The watchdog


def test_a_run_that_was_paused_past_its_watchdog_dies_before_it_writes(
    plain_server: KeyServer, front: Front, place: KeyFile, fresh_name: str
) -> None:
    before = place.file.read_bytes()
    with held_back(front, "GET", "/keys/self", 1) as (arrived, free):
        run = start_client(
            *command(place, front), env=place.env | {"SIGNOTAUR_WATCHDOG_SECONDS": "5"}
        )
        assert arrived.wait(30)
        run.send_signal(signal.SIGSTOP)
        free.set()  # the answer for which it waited is there when it wakes
        time.sleep(5.3)
        run.send_signal(signal.SIGCONT)
        ended = wait(run)
    assert ended.code == -signal.SIGALRM
    assert place.file.read_bytes() == before
    assert front.calls("PUT", "/confirmation") == []
    assert run_client(*command(place, front), env=place.env).code == DONE
    assert_one_successor(plain_server, fresh_name, place)


def test_the_watchdog_can_be_shortened_and_never_lengthened() -> None:
    show = (
        "import signal, os, sys; from signotaur_action import process;"
        "process.protect(os.environ); print(signal.getitimer(signal.ITIMER_REAL)[0])"
    )
    for asked, least, most in (("", 299, 300), ("7", 6, 7), ("86400", 299, 300), ("x", 299, 300)):
        done = subprocess.run(
            [sys.executable, "-I", "-c", show],
            env=BARE | {"SIGNOTAUR_WATCHDOG_SECONDS": asked},
            capture_output=True,
            text=True,
            check=True,
        )
        assert least <= float(done.stdout) <= most


# Process 1


_NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def _can_unshare() -> bool:
    try:
        return (
            subprocess.run([*_NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
        )
    except OSError:
        return False


@pytest.fixture
def as_process_1() -> tuple[str, ...]:
    """A program that starts another one as process 1 of its own namespace."""
    if not _can_unshare():
        pytest.skip("no right to make a process namespace")
    return _NAMESPACE


def start_as_1(
    place: KeyLocation, front: Front, prefix: tuple[str, ...], **env: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*prefix, *CLIENT, *map(str, command(place, front))],
        env=BARE | place.env | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def process_1(unshare: int) -> int:
    """Return the pid, here, of the process that is number 1 there."""
    children = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
    return int(children[0])


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_process_1_passes_the_exit_code_on(
    plain_server: KeyServer,
    front: Front,
    place: KeyFile,
    fresh_name: str,
    as_process_1: tuple[str, ...],
) -> None:
    done = wait(start_as_1(place, front, as_process_1))
    assert done.code == DONE, done.err
    assert_one_successor(plain_server, fresh_name, place)
    place.file.write_text("no key")
    assert wait(start_as_1(place, front, as_process_1)).code == 10


@SIGNALS
def test_process_1_passes_signals_on(
    plain_server: KeyServer,
    front: Front,
    place: KeyFile,
    fresh_name: str,
    as_process_1: tuple[str, ...],
    number: signal.Signals,
    code: int,
    said: str,
) -> None:
    with held_back(front, "GET", "/keys/self", 1) as (arrived, _free):
        run = start_as_1(place, front, as_process_1)
        assert arrived.wait(30)
        os.kill(process_1(run.pid), number)
        ended = wait(run)
    assert ended.code == code, ended.err
    assert said in ended.err
    assert f"Keys: {BOTH_WORK}" in ended.err
    assert run_client(*command(place, front), env=place.env).code == DONE
    assert_one_successor(plain_server, fresh_name, place)


def test_process_1_reports_a_run_that_its_watchdog_killed(
    plain_server: KeyServer,
    front: Front,
    place: KeyFile,
    fresh_name: str,
    as_process_1: tuple[str, ...],
) -> None:
    with held_back(front, "PUT", "/rotations/"):
        run = start_as_1(place, front, as_process_1, SIGNOTAUR_WATCHDOG_SECONDS="5")
        ended = wait(run)
    assert ended.code == WATCHDOG, ended.err
    assert "watchdog" in ended.err
    assert "Keys: " in ended.err
    assert "Next: Run the same command again" in ended.err
    assert run_client(*command(place, front), env=place.env).code == DONE
    assert_one_successor(plain_server, fresh_name, place)


def test_process_1_reaps_orphans(
    front: Front, place: KeyFile, as_process_1: tuple[str, ...]
) -> None:
    """Whoever loses its parent in the container becomes a child of process 1."""
    orphan = (*as_process_1, "sh", "-c", '(sleep 0.3 & exec true) ; exec "$@"', "sh")
    with held_back(front, "GET", "/keys/self") as (arrived, _free):
        run = start_as_1(place, front, orphan)
        assert arrived.wait(30)
        one = process_1(run.pid)
        assert _eventually(lambda: len(children_of(one)) == 1)
    assert wait(run).code == DONE


# Streams


def through_shell(place: KeyLocation, front: Front, redirections: str) -> Finished:
    return run_client(
        *command(place, front),
        env=place.env,
        prefix=("sh", "-c", f'exec "$@" {redirections}', "sh"),
    )


@pytest.mark.parametrize(
    "redirections", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"]
)
def test_streams_that_nobody_needs_may_be_closed_or_full(
    plain_server: KeyServer, front: Front, place: KeyFile, fresh_name: str, redirections: str
) -> None:
    done = through_shell(place, front, redirections)
    assert done.code == DONE, done.err
    assert_one_successor(plain_server, fresh_name, place)


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_a_key_that_cannot_be_printed_is_not_confirmed_and_printed_by_the_same_command(
    plain_server: KeyServer,
    front: Front,
    printing: Stdout,
    fresh_name: str,
    redirection: str,
) -> None:
    failed = through_shell(printing, front, redirection)
    assert failed.code == NOT_DELIVERED, failed.err
    assert "stdout could not be written" in failed.err
    assert front.calls("PUT", "/confirmation") == []
    opened = [request.body["publicId"] for request in front.calls("PUT", "/rotations/")]
    done = run_client(*command(printing, front), env=printing.env)
    assert done.code == DONE, done.err
    printing.printed.append(done.out)
    assert re.fullmatch(rf"sig_{opened[0]}_\w+\n", done.out)
    assert_one_successor(plain_server, fresh_name, printing)


def test_a_reader_that_leaves_early_is_a_key_that_was_not_delivered(
    front: Front, printing: Stdout
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [*CLIENT, *map(str, command(printing, front))],
        env=BARE | printing.env,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    os.close(writing)
    assert run.returncode == NOT_DELIVERED, run.stderr
    assert "Traceback" not in run.stderr
    assert front.calls("PUT", "/confirmation") == []


def test_no_core_file_can_contain_a_key(front: Front, place: KeyFile) -> None:
    with held_back(front, "GET", "/keys/self") as (arrived, _free):
        run = start_client(*command(place, front), env=place.env)
        assert arrived.wait(30)
        limits = Path(f"/proc/{run.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert wait(run).code == DONE
