"""One step of a scheduled GitHub job, run as its runner runs it: as a process or a container."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from signotaur_demo.errors import DemoError

_WORKSPACE = "/github/workspace"


@dataclass(frozen=True)
class Step:
    """A finished step as its runner sees it."""

    code: int
    log: str
    """stdout and stderr as written, commands included."""
    outputs: str
    """Text of the $GITHUB_OUTPUT file."""
    summary: str
    """Text of the $GITHUB_STEP_SUMMARY file."""


def run_step(folder: Path, inputs: Mapping[str, str], image: str) -> Step:
    """Run the action in a job's folder; ``image`` names its container, empty: a process."""
    files = {name: folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path in files.values():
        path.write_text("")
    environ = {
        "HOME": str(folder),
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "1",
        "GITHUB_JOB": "rotate",
        "RUNNER_TEMP": str(folder),
        **{name: str(path) for name, path in files.items()},
        **{f"INPUT_{name.upper()}": value for name, value in inputs.items()},
    }
    start = _in_container(folder, environ, image) if image else _as_process()
    done = subprocess.run(
        start,
        env={"PATH": os.environ.get("PATH", ""), **environ},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    texts = [path.read_text() for path in files.values()]
    return Step(done.returncode, done.stdout, *texts)


def run_client(folder: Path, arguments: list[str], stdin: str) -> str:
    """Run the client as a person at a shell does; return what it said. Raises DemoError."""
    done = subprocess.run(
        [*_as_process(), *arguments, "--ca-file", str(folder / "ca.pem")],
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder)},
        input=stdin,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"The client ended with exit code {done.returncode}: {done.stderr.strip()}")
    return done.stderr.strip()


def _as_process() -> list[str]:
    return [sys.executable, "-I", "-m", "signotaur_action"]


def _in_container(folder: Path, environ: dict[str, str], image: str) -> list[str]:
    """Return the runner's ``docker run``: values go by name, host paths become the mount's."""
    for name, value in environ.items():
        if value == str(folder) or value.startswith(f"{folder}/"):
            environ[name] = value.replace(str(folder), _WORKSPACE, 1)
    names = [part for name in environ for part in ("-e", name)]
    # The runner gives the container a bridge; the demo's server listens on this machine only.
    place = ["--network", "host", "--workdir", _WORKSPACE, "-v", f"{folder}:{_WORKSPACE}"]
    return ["docker", "run", "--rm", *place, *names, image]
