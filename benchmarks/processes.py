"""Processes: one that is timed until it ends, and servers that end with their ``with`` block."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

PYTHON = (sys.executable, "-I")
PATIENCE = 30.0
"""Seconds after which a command that should end by itself is killed."""

_KIB_PER_MIB = 1024
# On Linux ru_maxrss counts KiB; a BSD counts bytes.
_MAXRSS_PER_MIB = _KIB_PER_MIB if sys.platform == "linux" else _KIB_PER_MIB**2


class BenchmarkError(Exception):
    """A measured program did not do what it was started for."""


@dataclass(frozen=True)
class Run:
    """What one finished process took."""

    seconds: float
    """Wall clock, from before its start until it was reaped."""
    peak_mib: float
    """Largest resident set; never less than this process had when it started the other."""
    stderr: str


def environment(home: Path) -> dict[str, str]:
    """Return an environment without CI, proxies and settings of whoever runs this."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8"}


def timed(command: Sequence[str], home: Path) -> Run:
    """Run a command to its end. Raises BenchmarkError when it fails."""
    with tempfile.TemporaryFile("w+", dir=home) as stderr:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=environment(home),
            cwd=home,
            start_new_session=True,  # so that its children can be ended with it
        )
        alarm = Timer(PATIENCE, os.killpg, (process.pid, signal.SIGKILL))
        alarm.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            alarm.cancel()
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        told = stderr.read()
    if process.returncode:
        raise BenchmarkError(f"{command[0]} ended with {process.returncode}:\n{told}")
    return Run(seconds, usage.ru_maxrss / _MAXRSS_PER_MIB, told)


def output_of(command: Sequence[str], home: Path, given: str = "") -> str:
    """Run a command that is not measured; return its stdout. Raises BenchmarkError."""
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=environment(home),
        cwd=home,
    )
    if done.returncode:
        raise BenchmarkError(f"{command[0]} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Server:
    """A running server that told its URL on its first line."""

    url: str
    process_id: int

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])

    @property
    def resident_mib(self) -> float | None:
        """The memory it holds now; None where the system does not tell."""
        try:
            status = Path(f"/proc/{self.process_id}/status").read_text("ascii")
        except OSError:
            return None
        kib = next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]
        return int(kib) / _KIB_PER_MIB


@contextmanager
def serving(command: Sequence[str], home: Path) -> Iterator[Server]:
    """Run a server inside the block. Raises BenchmarkError when it does not start."""
    log = home / "server.log"
    with (
        log.open("a") as stderr,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=environment(home),
            cwd=home,
        ) as process,
    ):
        alarm = Timer(PATIENCE, process.kill)
        alarm.start()
        try:
            ready = process.stdout.readline() if process.stdout else ""
            alarm.cancel()
            if not ready:
                raise BenchmarkError(f"{command} did not start:\n{log.read_text()}")
            yield Server(json.loads(ready)["url"], process.pid)
        finally:
            alarm.cancel()
            _end(process)


@contextmanager
def background(command: Sequence[str], home: Path) -> Iterator[None]:
    """Run a program of others inside the block."""
    with (
        (home / "peer.log").open("a") as log,
        subprocess.Popen(
            command, stdout=log, stderr=log, env=environment(home), cwd=home
        ) as process,
    ):
        try:
            yield
        finally:
            _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
