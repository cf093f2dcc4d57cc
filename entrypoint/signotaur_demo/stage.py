"""The demo's key server: real processes, in a folder that is removed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from signotaur_demo.errors import DemoError
from signotaur_demo.job import Step, run_client, run_step

_PYTHON = (sys.executable, "-I", "-m")
_STOP_SECONDS = 10


class Stage:
    """A folder with a key server's data and a job's files; owns every process it starts."""

    def __init__(self, folder: Path, image: str = "") -> None:
        """``image`` runs the job's steps in a container; empty: as processes."""
        self._image = image
        self.data = folder / "keyserver"
        self.job = folder / "job"
        self.job.mkdir()
        self.ca_file = self.job / "ca.pem"
        self.url = ""
        self._log = folder / "keyserver.log"
        self._server: subprocess.Popen[str] | None = None

    def serve(self, clock_offset: str = "0s") -> None:
        """Start the key server with TLS on a free port, its clock ahead by an offset."""
        self.close()
        with self._log.open("a") as log:
            self._server = subprocess.Popen(
                [
                    *self._keyserver("serve"),
                    "--port=0",
                    "--self-signed",
                    f"--clock-offset={clock_offset}",
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        ready = _stdout(self._server).readline()
        if not ready:
            raise DemoError(f"The key server did not start: {self._log.read_text().strip()}")
        self.url = json.loads(ready)["url"]
        shutil.copy(self.data / "ca.pem", self.ca_file)

    def close(self) -> None:
        """End the key server."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(_STOP_SECONDS)
            _stdout(self._server).close()
            self._server = None

    def keyserver(self, *arguments: str) -> str:
        """Run a command of the key server on this stage's data; return its stdout."""
        done = subprocess.run(
            self._keyserver(*arguments), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DemoError(f"signotaur-keyserver failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def keys(self, clock_offset: str) -> list[dict[str, Any]]:
        """Return the server's keys as ``key list --json`` prints them."""
        listed: list[dict[str, Any]] = json.loads(
            self.keyserver("key", "list", "--json", f"--clock-offset={clock_offset}")
        )
        return listed

    def client(self, *arguments: str, stdin: str = "") -> str:
        """Run the client as a person does; return what it said."""
        return run_client(self.job, [*arguments, "--sign-server", self.url], stdin)

    def run_step(self, inputs: Mapping[str, str]) -> Step:
        """Run the action as a GitHub runner does: inputs as variables, no arguments."""
        return run_step(self.job, inputs, self._image)

    def _keyserver(self, *arguments: str) -> list[str]:
        return [*_PYTHON, "signotaur_keyserver", *arguments, f"--data-dir={self.data}"]


def _stdout(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdout is None:
        raise DemoError("The key server has no stdout.")
    return process.stdout
