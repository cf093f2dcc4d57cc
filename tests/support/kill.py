"""Runs of the real command line that die at a chosen line of its code, ten a second.

Run as a program this file is the nursery: a process with the client loaded, which forks a child
for every run, so that a run costs no start of Python. A child counts the lines it executes in
the parts that matter and kills itself, with SIGKILL, before the n-th; or strace is attached to it
before it begins. ``Nursery`` is the handle that tests hold.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

PARTS = (
    "rotation",
    "files",
    "machine",
    "sinks",
    "key_server",
    "reporting",
    "commands",
    "vendor_tool",
)
"""The packages of the client whose lines count."""
_PR_SET_PTRACER = 0x59616D61


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code (-9: killed), what it printed, the lines it executed."""

    code: int
    out: str
    err: str
    lines: int

    @property
    def killed(self) -> bool:
        """Whether the run died where it was told to."""
        return self.code == -signal.SIGKILL


class Nursery:
    """A process that starts runs. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._out, self._err, self._lines = (folder / name for name in ("out", "err", "lines"))
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate()

    def run(
        self,
        arguments: tuple[str | Path, ...],
        env: Mapping[str, str],
        *,
        kill_at: int | None = None,
        by: signal.Signals = signal.SIGKILL,
        counted: bool = True,
        tracer: Sequence[str] = (),
    ) -> Ended:
        """Run the client and wait; ``kill_at`` is the line before which it sends itself ``by``.

        ``tracer`` is an strace command that is attached first. Lines are not ``counted`` then.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {
            "arguments": [str(argument) for argument in arguments],
            "env": dict(env),
            "killAt": kill_at,
            "by": int(by),
            "counted": counted and not tracer,
            "tracer": list(tracer),
            "out": str(self._out),
            "err": str(self._err),
            "lines": str(self._lines),
        }
        self._lines.write_text("0")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        lines = int(self._lines.read_text())
        return Ended(code, self._out.read_text(), self._err.read_text(), lines)

    def child(self) -> int | None:
        """Return the process of the run that is under way."""
        assert self._process is not None
        mother = self._process.pid
        children = Path(f"/proc/{mother}/task/{mother}/children").read_text().split()
        return int(children[0]) if children else None


# The program


def _serve() -> None:
    from signotaur_action import cli  # noqa: PLC0415
    from signotaur_action.commands import rotate_key  # noqa: F401, PLC0415

    for line in sys.stdin:
        order = json.loads(line)
        gate, opener = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(opener)
            _wait_for_tracer(gate, order)
            os._exit(_be_the_run(cli, order))
        os.close(gate)
        tracer = _attached(child, order["tracer"]) if order["tracer"] else None
        os.close(opener)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if tracer is not None:
            tracer.wait()
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _wait_for_tracer(gate: int, order: dict[str, Any]) -> None:
    """Wait until the gate is closed, and let any process of this user trace this one."""
    if order["tracer"]:
        anybody = ctypes.c_ulong(-1)
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, anybody, 0, 0, 0)
        os.read(gate, 1)
    os.close(gate)


def _attached(child: int, words: list[str]) -> "subprocess.Popen[bytes]":
    tracer = subprocess.Popen([*words, "-p", str(child)], stdin=subprocess.DEVNULL)
    while "\nTracerPid:\t0\n" in Path(f"/proc/{child}/status").read_text():
        if tracer.poll() is not None:
            os.kill(child, signal.SIGKILL)
            raise RuntimeError(f"no tracer: {words}")
        time.sleep(0.001)
    return tracer


def _be_the_run(cli: Any, order: dict[str, Any]) -> int:
    os.environ.clear()
    os.environ.update(order["env"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = (
        open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        for number in (1, 2)
    )
    counter = _Counter(Path(cli.__file__).parent, order["killAt"], order["by"])
    if order["counted"]:
        sys.settrace(counter.enter)
    code: int = cli.main(order["arguments"])
    sys.settrace(None)
    Path(order["lines"]).write_text(str(counter.lines))
    return code


class _Counter:
    def __init__(self, package: Path, kill_at: int | None, number: int) -> None:
        self.lines = 0
        self._signal = number
        self._kill_at = kill_at
        assert all((package / part).is_dir() for part in PARTS)
        self._prefixes = tuple(f"{package / part}{os.sep}" for part in PARTS)

    def enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(self._prefixes) else None

    def _line(self, _frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self._kill_at:
                os.kill(os.getpid(), self._signal)
        return self._line


if __name__ == "__main__":
    _serve()
