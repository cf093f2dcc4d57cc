"""The key server as other people run it: as processes, by its command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, Self

from support.forkserver import ForkedProcess, fork_server

PACKAGE = "signotaur_keyserver"
SECONDS = 300
"""For what hangs; no command takes long."""


def command(*arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; ``typed`` comes on its standard input."""
    code, out, err = fork_server(PACKAGE).run(
        arguments, env=os.environ, timeout=SECONDS, typed=typed
    )
    return subprocess.CompletedProcess(arguments, code, out, err)


class Process:
    """A serving process. Use it as a context manager."""

    popen: ForkedProcess | subprocess.Popen[bytes]

    def __init__(self, data_dir: Path, *options: str, open_files: int | None = None) -> None:
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self._arguments = ["serve", f"--data-dir={data_dir}", "--port=0", *options]
        self._open_files = open_files

    def __enter__(self) -> Self:
        reader, writer = os.pipe()
        self._stdout = os.fdopen(reader)
        with os.fdopen(writer, "w") as stdout, self.log.open("a") as stderr:
            self.popen = self._started(stdout, stderr)
        line = self._stdout.readline()
        assert line, self.log.read_text()
        self.ready: dict[str, Any] = json.loads(line)
        return self

    def _started(self, out: IO[str], err: IO[str]) -> ForkedProcess | subprocess.Popen[bytes]:
        if self._open_files is not None:
            limited = ["sh", "-c", f'ulimit -n {self._open_files}; exec "$@"', "sh"]
            program = [sys.executable, "-m", PACKAGE]
            return subprocess.Popen([*limited, *program, *self._arguments], stdout=out, stderr=err)
        with Path(os.devnull).open() as null:
            return fork_server(PACKAGE).start(
                self._arguments,
                env=os.environ,
                streams=(null.fileno(), out.fileno(), err.fileno()),
            )

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.end(signal.SIGTERM)
        self._stdout.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.ready["url"])

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        os.kill(self.popen.pid, number)
        return self.popen.wait(timeout=60)

    def rest_of_stdout(self) -> str:
        """Return what came on stdout after the ready line, once the process has ended."""
        return self._stdout.read()
