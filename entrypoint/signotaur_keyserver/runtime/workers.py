"""Several processes that serve one listening socket, and the one that watches them.

The watching process serves nothing: it starts the others, passes signals on and waits. If one of
them dies, it ends the rest and says which one died: an operator's service manager starts it again.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

from signotaur_keyserver.runtime.errors import ServerError

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_fork = get_context("fork")
_log = logging.getLogger(__name__)

Serve = Callable[[Callable[[], None]], None]
"""Serves until SIGTERM, and calls its argument once it accepts connections."""


def serve_by(count: int, serve: Serve, on_ready: Callable[[], None]) -> None:
    """Run ``serve`` in so many processes until SIGTERM or SIGINT; SIGHUP is passed on.

    ``on_ready`` is called once, when all of them accept connections. The caller must not have any
    thread or database connection open. Raises ServerError when a process dies.
    """
    alive, kept = _fork.Pipe(duplex=False)
    ready, ready_pipe = _fork.Pipe(duplex=False)
    workers: list[BaseProcess] = [
        _fork.Process(target=_work, args=(serve, alive, kept, ready_pipe), name=f"worker {number}")
        for number in range(1, count + 1)
    ]
    stopping = threading.Event()
    for worker in workers:
        worker.start()
    with _passing_on(workers, stopping):
        try:
            if _all_ready(workers, ready, stopping):
                on_ready()
            _wait_for_end(workers, stopping)
        finally:
            _end(workers)


def _work(serve: Serve, alive: Connection, kept: Connection, ready_pipe: Connection) -> None:
    kept.close()  # the watching process alone has the other end
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
    serve(lambda: ready_pipe.send_bytes(b"ready"))


def _end_with_parent(alive: Connection) -> None:
    """End this process in good order when the watching one is gone, even if it was killed."""
    wait([alive])
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _passing_on(workers: Sequence[BaseProcess], stopping: threading.Event) -> Iterator[None]:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGHUP:
            stopping.set()
        _send(workers, signal.SIGHUP if number == signal.SIGHUP else signal.SIGTERM)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _all_ready(
    workers: Sequence[BaseProcess], ready: Connection, stopping: threading.Event
) -> bool:
    for _ in workers:
        if ready not in wait([ready, *(worker.sentinel for worker in workers)]):
            _require_stopping(workers, stopping)
            return False
        ready.recv_bytes()
    return True


def _wait_for_end(workers: Sequence[BaseProcess], stopping: threading.Event) -> None:
    wait([worker.sentinel for worker in workers])
    _require_stopping(workers, stopping)


def _require_stopping(workers: Sequence[BaseProcess], stopping: threading.Event) -> None:
    """Raise ServerError that names the process that died, unless all were asked to end."""
    if stopping.is_set():
        return
    gone = wait([worker.sentinel for worker in workers])
    dead = next(worker for worker in workers if worker.sentinel in gone)
    dead.join()
    code = dead.exitcode or 0
    cause = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    raise ServerError(f"{dead.name} (process {dead.pid}) died: {cause}")


def _end(workers: Sequence[BaseProcess]) -> None:
    _send(workers, signal.SIGTERM)
    for worker in workers:
        worker.join()


def _send(workers: Sequence[BaseProcess], number: signal.Signals) -> None:
    for worker in workers:
        if worker.pid is not None and worker.is_alive():
            os.kill(worker.pid, number)
