"""Fleets of real keys: a file that lists them, their key files, and the runs of the command."""

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from e2e.client_harness import Ledger
from support.client import BARE, CLIENT, Finished, run_client
from support.keys import add_keys, lineages
from support.keyserver import KeyServer

SAME_RUN = {"GITHUB_RUN_ID": "4711", "GITHUB_REPOSITORY": "acme/product"}
"""A run that is started again is known to be the same one by this."""
QUICK = {"parallel": "4", "starts-per-minute": "6000"}
_TIME = "%Y-%m-%d %H:%M:%S.%f"


@dataclass
class Fleet:
    """One fleet file and what belongs to it."""

    server: KeyServer
    folder: Path
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """The key of each entry before any rotation."""
    defaults: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.chmod(0o700)
        self.file = self.folder / "fleet.yml"
        self.env = {"HOME": str(self.folder / "home"), **SAME_RUN}
        self.defaults |= {"sign-server": self.server.url}

    def add(self, prefix: str, count: int = 1, *, due: bool = True) -> list[str]:
        """Add entries with fresh keys, each in its own file; return their names.

        A key that is due expires in 10 of its 90 days, and is due within 30.
        """
        names = [f"{prefix}-{number}" for number in range(count)]
        for name, key in zip(names, add_keys(self.server, names), strict=True):
            self.keys[name] = key
            file = self.key_file(name)
            file.write_text(f"{key}\n")
            file.chmod(0o600)
            self.entries[name] = {"api-key-file": str(file), "write-key-file": str(file)}
            if due:
                self.age(key)
        self.defaults |= {"if-expiring-within": "30d"}
        return names

    def age(self, key: str) -> None:
        """Make a key one that was made 80 days ago."""
        now = datetime.now(UTC)
        times = [(now + timedelta(days=days)).strftime(_TIME) for days in (-80, 10)]
        Ledger(self.server).write(
            "update keys set created_at_utc = ?, expires_at_utc = ? where public_id = ?",
            *times,
            key[4:19],
        )

    def key_file(self, name: str) -> Path:
        return self.folder / f"{name}.txt"

    def held(self, name: str) -> str:
        """Return the key that is in an entry's file now."""
        return self.key_file(name).read_text().strip()

    def write(self, text: str = "") -> Path:
        """Write the file: this text, or the entries."""
        whole = {"defaults": self.defaults, "keys": self.entries}
        self.file.write_text(text or yaml.safe_dump(whole, sort_keys=False))
        self.file.chmod(0o600)
        return self.file

    def arguments(self, *arguments: str) -> list[str]:
        pace = [word for name, value in QUICK.items() for word in (f"--{name}", value)]
        return ["rotate-fleet", str(self.file), *pace, *arguments]

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Finished:
        """Run the command to its end."""
        if not self.file.exists():
            self.write()
        whole = self.env | dict(env or {})
        return run_client(*self.arguments(*arguments), env=whole, cwd=self.folder)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command as the first process of a group that can be killed as a whole."""
        if not self.file.exists():
            self.write()
        return subprocess.Popen(
            [*CLIENT, *self.arguments(*arguments)],
            env=BARE | self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def assert_rotated_once(self, *names: str) -> None:
        """Each entry's file has the one successor of its key, which is confirmed and lasts."""
        ledger, found = Ledger(self.server), lineages(self.server)
        for name in names:
            lineage = found[name]
            assert len(lineage.ids) == 2, name
            assert lineage.confirmed == 1, name
            assert lineage.survivors == (ledger.id_of(self.held(name)),), name


def kill_all(process: subprocess.Popen[str]) -> None:
    """End a command and everything that it started, at once and without a word."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def results(done: Finished) -> dict[str, dict[str, Any]]:
    """Return the results of ``--json`` by the entries' names."""
    return {each["entry"]: each for each in done.json["keys"]}
