"""The key server as other people run it: as processes, by its command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

PROGRAM = (sys.executable, "-m", "signotaur_keyserver")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=300, check=False
    )


class Process:
    """A serving process. Use it as a context manager."""

    def __init__(self, data_dir: Path, *options: str, open_files: int | None = None) -> None:
        self.log = data_dir.parent / f"{data_dir.name}.log"
        limited = ("sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh")
        prefix = () if open_files is None else limited
        self._arguments = [
            *prefix,
            *PROGRAM,
            "serve",
            f"--data-dir={data_dir}",
            "--port=0",
            *options,
        ]

    def __enter__(self) -> Self:
        with self.log.open("a") as log:
            self.popen = subprocess.Popen(
                self._arguments, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        assert line, self.log.read_text()
        self.ready: dict[str, Any] = json.loads(line)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.popen.stdout is not None
        if self.popen.poll() is None:
            self.end(signal.SIGTERM)
        self.popen.stdout.close()

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
        assert self.popen.stdout is not None
        return self.popen.stdout.read()
