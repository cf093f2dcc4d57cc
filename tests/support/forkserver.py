"""Runs of this project's programs that need not load their modules first.

Run as a program, this file loads one package and then forks a process for each run. A run has
standard streams, variables and a folder of its own and ends as ``python -I -m PACKAGE`` ends, but
it starts within milliseconds. ``fork_server`` returns the handle that tests use.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO, Any, NoReturn

_READ_AT_START = ("GCONV_", "LANG", "LC_", "LD_", "MALLOC_", "OPENSSL_", "PYTHON",
                  "SSL", "TZ")  # fmt: skip
"""How variables begin that the interpreter or a library reads once, when it starts."""


COVERAGE = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
"""The variables by which coverage, where it is measured, follows into child processes."""


def can_fork(env: Mapping[str, str]) -> bool:
    """Return whether a run with these variables may use a process that has started already."""
    return not any(name.startswith(_READ_AT_START) for name in env)


class ForkedProcess:
    """A run that was started. Its methods are those of ``subprocess.Popen``."""

    def __init__(self, report: IO[str]) -> None:
        self._report = report
        self.pid = int(report.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """Wait for the end and return the exit code, as ``-9`` after SIGKILL."""
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            self.returncode = int(self._report.readline())
            self._report.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code of a run that has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self) -> None:
        """Ask the run to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End the run."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class ForkServer:
    """Starts runs of one package, for all threads of a test process."""

    def __init__(self, package: str) -> None:
        self._lock = Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", __file__, package, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={"PATH": os.environ["PATH"], **COVERAGE},
            )

    def start(
        self,
        arguments: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        streams: tuple[int, int, int],
        cwd: Path | None = None,
    ) -> ForkedProcess:
        """Start a run with these variables alone; ``streams`` become its standard streams."""
        order = {
            "arguments": [str(argument) for argument in arguments],
            "env": dict(env),
            "cwd": str(Path(cwd or ".").absolute()),
        }
        reader, writer = os.pipe()
        with tempfile.TemporaryFile("w+") as file, os.fdopen(writer, "w"):
            json.dump(order, file)
            file.flush()
            with self._lock:
                socket.send_fds(self._socket, [b"."], [file.fileno(), writer, *streams])
        return ForkedProcess(os.fdopen(reader))

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        timeout: float,
        typed: str | None = None,
    ) -> tuple[int, str, str]:
        """Wait for a run, and return its exit code and what it printed.

        ``typed`` is its standard input; without it there is none.
        """
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        given = _file_of(typed)
        try:
            process = self.start(arguments, env=env, cwd=cwd, streams=(given, out_end, err_end))
        finally:
            for descriptor in (given, out_end, err_end):
                os.close(descriptor)
        with ThreadPoolExecutor() as readers:
            texts = [readers.submit(_read, descriptor) for descriptor in (out, err)]
            try:
                code = process.wait(timeout)
            finally:
                process.kill()
            return code, texts[0].result(), texts[1].result()

    def close(self) -> None:
        """End the process that forks."""
        self._socket.close()
        self._process.wait(timeout=60)


def _file_of(text: str | None) -> int:
    """Return a descriptor that reads a text, or nothing at all."""
    if text is None:
        return os.open(os.devnull, os.O_RDONLY)
    with tempfile.TemporaryFile("w+") as file:
        file.write(text)
        file.seek(0)
        return os.dup(file.fileno())


def _read(descriptor: int) -> str:
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        return stream.read()


@cache
def fork_server(package: str) -> ForkServer:
    """Return the one fork server of a package; it lives as long as the test process."""
    server = ForkServer(package)
    atexit.register(server.close)
    return server


# The program


class _Ending:
    """How a run ends: without taking its objects apart, which takes as long as a short run.

    It must be made before anything else registers at ``atexit``: then it comes last.
    """

    code: int | None = None
    """The exit code of a run that returned or called ``sys.exit``."""

    def __init__(self) -> None:
        atexit.register(self._leave)

    def run(self, main: Callable[[], None]) -> None:
        """Run a program, and remember its exit code."""
        try:
            main()
        except SystemExit as ended:
            self.code = ended.code if isinstance(ended.code, int) else None
            raise
        self.code = 0

    def _leave(self) -> None:
        if self.code is None:
            return
        with suppress(OSError, ValueError):  # Python itself reports a stream that nobody reads
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self.code)


def _serve(package: str, orders: socket.socket) -> None:
    ending = _Ending()
    main = _loaded(package)
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        _, descriptors, _, _ = socket.recv_fds(orders, 1, 5)
        if not descriptors:
            _reap()
            return
        if os.fork() == 0:
            orders.detach()
            order = _be_a_run(descriptors)
            sys.argv[1:] = order["arguments"]
            ending.run(main)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        _reap()


def _reap() -> None:
    """Forget the runs that have ended; their processor time counts as this process's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _loaded(package: str) -> Any:
    """Load all modules of a package for this system, and return its entry point."""
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if (
            not module.name.rpartition(".")[2].startswith("win")
            and ".migrations" not in module.name
        ):
            importlib.import_module(module.name)
    return importlib.import_module(f"{package}.__main__").main


def _be_a_run(descriptors: list[int]) -> dict[str, Any]:
    """Return in the process of a run, with its order; the parent reports its end."""
    order_file, report, *streams = descriptors
    child = os.fork()
    if child:
        _supervise(child, report, [order_file, *streams])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with os.fdopen(order_file) as file:
        file.seek(0)
        order: dict[str, Any] = json.load(file)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, max(descriptors) + 100)
    sys.stdin = os.fdopen(0)
    sys.stdout = os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", errors="backslashreplace")
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    return order


def _supervise(child: int, report: int, others: list[int]) -> NoReturn:
    """Report the number of a run and then its exit code."""
    for descriptor in others:  # a reader of the run's output must see its end
        os.close(descriptor)
    os.write(report, b"%d\n" % child)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(report, b"%d\n" % code)
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
