"""The process itself: signals, the watchdog, and the parent that a container needs.

A run must die before its lease does (10 minutes): a process that was paused and wakes up late
would otherwise write a key that another run has replaced. The watchdog is ``ITIMER_REAL`` with
the signal's default action: it counts while the process is stopped, and kills it before its
next instruction. The kernel ignores such a signal for PID 1, so PID 1 only waits for the run.
Windows has no such timer: ``machine.watchdog`` says what replaces it.
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from signotaur_action.errors import ExitCode, StopSignal
from signotaur_action.machine import MACHINE

WATCHDOG_SECONDS = 300.0
_SHORTER = "SIGNOTAUR_WATCHDOG_SECONDS"
_CODES = {
    **dict.fromkeys(MACHINE.interrupts, ExitCode.INTERRUPTED),
    **dict.fromkeys(MACHINE.terminations, ExitCode.TERMINATED),
}
_OVERDUE = (
    "Error: The run took longer than its watchdog allows and was stopped.\nKeys: Every "
    "destination has a key that works. It is not known whether the old key's revocation is armed.\n"
    "Next: Run the same command again: it finishes what this run started.\n"
)
_STDOUT, _STDERR = 1, 2


def protect(environ: Mapping[str, str]) -> None:
    """Turn the stop signals into StopSignal, start the watchdog, let no secret reach a disk.

    ``SIGNOTAUR_WATCHDOG_SECONDS`` can shorten the watchdog, never lengthen it.
    """
    for number in _CODES:
        signal.signal(number, _stop)
    MACHINE.unblock(set(_CODES))
    MACHINE.start_watchdog(_watchdog_seconds(environ), _OVERDUE)
    MACHINE.disable_core_dumps()


def reserve_standard_streams() -> None:
    """Occupy the numbers of standard streams that are closed, so that no file of ours gets them.

    Writing to such a stream fails: a key that nobody can read is not delivered.
    """
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= _STDERR:
        pass
    os.close(descriptor)
    for number, name in ((_STDOUT, "stdout"), (_STDERR, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Deliver stop signals at the end of the block, so that none cuts it in half.

    For the main thread only, and for a block that ends soon.
    """
    arrived: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _frame: arrived.append(number))
        for number in _CODES
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for each in arrived:
        signal.raise_signal(each)


def end_watchdog() -> None:
    """End the watchdog: for work without a lease."""
    MACHINE.end_watchdog()


def code_of_child_of_pid_1() -> int | None:
    """Return None in the process that is to run: a child, if this process is PID 1.

    PID 1 forwards the stop signals, reaps every orphan and gets the exit code of that child.
    """
    return MACHINE.code_of_child_of_pid_1(_OVERDUE)


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in _CODES:  # the first signal ends the run; a second one must not cut its report
        signal.signal(each, signal.SIG_IGN)
    raise StopSignal(_CODES[signal.Signals(number)])


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    text = environ.get(_SHORTER, "")
    asked = float(text) if text.isdecimal() else 0.0
    return min(WATCHDOG_SECONDS, asked) or WATCHDOG_SECONDS
