"""The client as a real process, in an environment that holds nothing unasked."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.forkserver import COVERAGE, can_fork, fork_server

CLIENT = (sys.executable, "-I", "-m", "signotaur_action")
BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **COVERAGE}


@dataclass(frozen=True)
class Finished:
    """How a client process ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Everything that was said, for searching."""
        return self.out + self.err


def run_client(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 300,
    prefix: tuple[str, ...] = (),
) -> Finished:
    """Run ``signotaur-action ARGUMENTS`` and wait; ``prefix`` is a program to start it with."""
    whole = BARE | dict(env or {})
    if prefix or not can_fork(whole):
        return run_program([*prefix, *CLIENT, *arguments], env=whole, cwd=cwd, timeout=timeout)
    code, out, err = fork_server("signotaur_action").run(
        arguments, env=whole, cwd=cwd, timeout=timeout
    )
    return Finished(code, out, err)


def run_program(
    words: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    timeout: float = 300,
) -> Finished:
    """Run a program with these variables alone, and wait."""
    done = subprocess.run(
        list(map(str, words)),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def start_client(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[str]:
    """Start ``signotaur-action ARGUMENTS`` and return at once."""
    return subprocess.Popen(
        [*CLIENT, *map(str, arguments)],
        env=BARE | dict(env or {}),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
