"""The process itself: signals, the watchdog, and the parent that a container needs.

A run must die before its lease does (10 minutes): a process that was paused and wakes up late
would otherwise write a key that another run has replaced. The watchdog is ``ITIMER_REAL`` with
the signal's default action: it counts while the process is stopped, and kills it before its
next instruction. The kernel ignores such a signal for PID 1, so PID 1 only waits for the run.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from types import FrameType

from signotaur_action.errors import ExitCode, StopSignal

WATCHDOG_SECONDS = 300.0
_SHORTER = "SIGNOTAUR_WATCHDOG_SECONDS"
_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
_KILLED = 128
_STDOUT, _STDERR = 1, 2


def guard(environ: Mapping[str, str]) -> None:
    """Turn SIGINT and SIGTERM into StopSignal, start the watchdog, let no secret reach a disk.

    ``SIGNOTAUR_WATCHDOG_SECONDS`` can shorten the watchdog, never lengthen it.
    """
    for number in _CODES:
        signal.signal(number, _stop)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM, *_CODES})
    signal.setitimer(signal.ITIMER_REAL, _watchdog_seconds(environ))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ.pop("SSLKEYLOGFILE", None)  # urllib3 would write the secrets of TLS sessions there


def hold_streams() -> None:
    """Occupy the numbers of standard streams that are closed, so that no file of ours gets them.

    Writing to such a stream fails: a key that nobody can read is not delivered.
    """
    while (descriptor := os.open(os.devnull, os.O_RDONLY)) <= _STDERR:
        pass
    os.close(descriptor)
    for number, name in ((_STDOUT, "stdout"), (_STDERR, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115


def end_watchdog() -> None:
    """Let this run take its time: for work that holds no lease."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def run_below_init(run: Callable[[], int]) -> int:
    """Run as a child if this process is PID 1, else right here. Returns the exit code.

    The parent forwards SIGINT and SIGTERM, reaps every orphan and passes the code on.
    """
    if os.getpid() != 1:
        return run()
    signals = set(_CODES)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # none may be lost between fork and handler
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return run()
    for number in signals:
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    return _wait_for(child)


def _wait_for(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        sys.stderr.write(
            "Error: The run took longer than its watchdog allows and was stopped.\n"
            "Keys: Every key that worked still works; no revocation was armed by this run.\n"
            "Next: Run the same command again: it finishes what this run began.\n"
        )
    return code if code >= 0 else _KILLED - code


def _stop(number: int, _frame: FrameType | None) -> None:
    for each in _CODES:  # the first signal ends the run; a second one must not cut its report
        signal.signal(each, signal.SIG_IGN)
    raise StopSignal(_CODES[signal.Signals(number)])


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    text = environ.get(_SHORTER, "")
    asked = float(text) if text.isdecimal() else 0.0
    return min(WATCHDOG_SECONDS, asked) or WATCHDOG_SECONDS
