"""A run among canaries: two keys, and a search of all that the run left behind.

Searched are both streams (in a GitHub job: the log as the runner masks it), every file of the
job, the server's log, and its database with write-ahead log and free pages.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2e.client_harness import ClientHarness
from e2e.github_step import StepResult
from support.client import Finished
from support.front import Front
from support.key_encodings import files_below, leaks

GITHUB_FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY")
JOB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "1",
    "GITHUB_REPOSITORY": "acme/app",
    "RUNNER_DEBUG": "1",
    "ACTIONS_STEP_DEBUG": "1",
}


@dataclass
class LeakHarness:
    """A client, a front before its server, and the files that may hold a key."""

    client: ClientHarness
    front: Front
    old: str
    allowed: set[Path] = field(default_factory=set)
    """Files that may hold a key: where it came from, where it was sent, the journal."""
    timeout: str = "60s"
    """How long a run may try; faults that do not end need a short one."""

    def __post_init__(self) -> None:
        self.allowed.add(self.client.store(self.old))
        folders = {"TMPDIR": "tmp", "RUNNER_TEMP": "runner-temp", "GITHUB_WORKSPACE": "cwd"}
        for variable, name in folders.items():
            (self.client.folder / name).mkdir(exist_ok=True)
            self.client.env[variable] = str(self.client.folder / name)
        for variable in GITHUB_FILES:
            file = self.client.folder / variable
            file.touch()
            self.client.env[variable] = str(file)
        self._seen: set[str] = set()

    def path(self, name: str) -> Path:
        """Return a file that may hold a key."""
        self.allowed.add(self.client.folder / name)
        return self.client.folder / name

    def run(self, *arguments: str | Path) -> Finished:
        """Run ``rotate-key``."""
        return self.command("rotate-key", "--state-dir", self._state, *arguments)

    def command(
        self, name: str, *arguments: str | Path, env: Mapping[str, str] | None = None
    ) -> Finished:
        """Run any command that talks to the server, and remember the key that its journal has."""
        reached = (*self.front.options, "--timeout", self.timeout)
        done = self.client.run(*name.split(), *reached, *arguments, env=env)
        for journal in self._journals:
            self._seen.update(re.findall(r'"key": "(sig_\w+)"', journal.read_text()))
        return done

    @property
    def keys(self) -> list[str]:
        """Every key that was in use or is in a journal, the old one first."""
        sent = [each.headers.get("Authorization", "") for each in self.front.requests]
        used = [line.removeprefix("Bearer ") for line in sent if line]
        return list(dict.fromkeys([self.old, *used, *sorted(self._seen)]))

    def leaks(
        self, done: Finished, *, asked_for_on_stdout: bool = False, job: bool = False
    ) -> list[str]:
        """Return where a key is that nobody asked for; in a job, what people see is the log."""
        places = self._files(finished=done.code == 0)
        if job:
            result = StepResult(done.code, done.out.encode(), done.err.encode(), b"", b"", "")
            places["the masked log"] = result.log.encode()
        else:
            places["stderr"] = done.err.encode()
            if not asked_for_on_stdout:
                places["stdout"] = done.out.encode()
        return [leak for key in self.keys for leak in leaks(key, places)]

    def _files(self, *, finished: bool) -> dict[str, bytes]:
        server = self.client.server.data_dir
        places = files_below(self.client.folder, server)
        log = server.parent / f"{server.name}.log"
        places[str(log)] = log.read_bytes()
        for path in {*self.allowed, *([] if finished else self._journals)}:
            places.pop(str(path), None)
        # Whatever a request carries besides the header that is made for the key.
        for number, each in enumerate(self.front.requests):
            headers = {name: text for name, text in each.headers.items() if name != "Authorization"}
            shown = json.dumps([each.path, headers, each.body])
            places[f"request {number}, {each.method} {each.path[:40]}"] = shown.encode()
        return places

    @property
    def _state(self) -> Path:
        return self.client.folder / "state"

    @property
    def _journals(self) -> list[Path]:
        return list(self._state.glob("*.rotation"))
