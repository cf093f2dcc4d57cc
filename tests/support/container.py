"""The action's image on a real Docker engine, started as a GitHub runner starts it."""

import io
import os
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest
import yaml
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container

from e2e.github_step import StepResult
from support.runner import input_variable

ACTION_FILE = Path(__file__).parents[2] / "action.yml"
ACTION_IMAGE = "signotaur-action:dev"
SERVER_IMAGE = "signotaur-keyserver:dev"
SOCKET = Path("/var/run/docker.sock")
RUNNER_UID = 1001
"""The user of a hosted runner, to whom all folders of a job belong."""
SIGNAL_PATIENCE = 30.0
"""Seconds that each signal has. A runner waits 7.5 after SIGINT and 2.5 after SIGTERM; a busy
machine takes longer, and the client must end by the first signal it gets on any."""


def engine() -> docker.DockerClient:
    """Return a client of this machine's engine; skip the test where it, or an image, is missing."""
    if sys.platform != "linux":
        pytest.skip("runners run container actions on Linux only")
    try:
        client = docker.from_env()
        client.ping()
    except DockerException:
        pytest.skip("no Docker engine answers; as root: scripts/docker-engine start")
    for image in (ACTION_IMAGE, SERVER_IMAGE):
        try:
            client.images.get(image)
        except ImageNotFound:
            client.close()
            pytest.skip(f"there is no image {image}: make image")
    return client


def gateway(client: docker.DockerClient) -> str:
    """Return the address of this machine on the network that containers get by default."""
    [config] = client.networks.get("bridge").attrs["IPAM"]["Config"]
    # Docker 20 tells the subnet alone: the gateway is its first address.
    return str(config.get("Gateway") or next(ip_network(config["Subnet"]).hosts()))


def declared_inputs() -> dict[str, str]:
    """Return the variable of every declared input, with its default or empty, as runners set it."""
    inputs = yaml.safe_load(ACTION_FILE.read_text())["inputs"]
    return {input_variable(name): str(each.get("default", "")) for name, each in inputs.items()}


@dataclass(frozen=True)
class Ran:
    """How a container ended."""

    code: int
    stdout: bytes
    stderr: bytes
    inspected: dict[str, Any]
    """What the engine knew of the container at its end."""

    @property
    def said(self) -> str:
        """Everything that was said, for searching."""
        return (self.stdout + self.stderr).decode()


@contextmanager
def started(client: docker.DockerClient, *command: str, **options: Any) -> Iterator[Container]:
    """Run a container of the action's image inside the block, and remove it after that."""
    container = client.containers.create(ACTION_IMAGE, list(command), **options)
    try:
        container.start()
        yield container
    finally:
        container.remove(force=True, v=True)


def ended(container: Container, patience: float = 1200) -> Ran:
    """Wait for a container's end."""
    code = container.wait(timeout=patience)["StatusCode"]
    container.reload()
    return Ran(
        code,
        container.logs(stdout=True, stderr=False),
        container.logs(stdout=False, stderr=True),
        container.attrs,
    )


def output_of(container: Container, *command: str) -> str:
    """Run a command in a running container, which must succeed; return its stdout."""
    result: Any = container.exec_run([*command], demux=True)
    out, err = result.output
    assert result.exit_code == 0, err
    return (out or b"").decode().strip()


def run(client: docker.DockerClient, *command: str, **options: Any) -> Ran:
    """``docker run`` of the action's image, to its end."""
    with started(client, *command, **options) as container:
        return ended(container)


def first_lines(container: Container, count: int = 1, patience: float = 120) -> list[str]:
    """Wait until a container has printed so many lines on stdout, and return them."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        lines = container.logs(stdout=True, stderr=False).decode().splitlines()
        if len(lines) >= count:
            return list(lines[:count])
        time.sleep(0.1)
    raise AssertionError(f"not {count} lines: {container.logs().decode()}")


def file_of(server: Container, path: str) -> bytes:
    """Copy a file out of a container."""
    stream, _ = server.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        member = archive.extractfile(Path(path).name)
        assert member is not None
        return member.read()


def runs(container: Container) -> bool:
    """Return whether a container still runs."""
    container.reload()
    return bool(container.status == "running")


def cancel(container: Container, first: str = "SIGINT") -> list[str]:
    """End a container as a cancelled job does; return the signals that it took."""
    names = ["SIGINT", "SIGTERM", "SIGKILL"]
    sent = []
    for name in names[names.index(first) :]:
        container.kill(name)
        sent.append(name)
        end = time.monotonic() + SIGNAL_PATIENCE
        while time.monotonic() < end:
            if not runs(container):
                return sent
            time.sleep(0.05)
    raise AssertionError("the container survived SIGKILL")


def hand_over(uid: int, *paths: Path) -> None:
    """Let files belong to another user, if this one may."""
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, uid, uid)


class ContainerJob:
    """A job on a runner of its own whose one step is the action's container."""

    def __init__(self, client: docker.DockerClient, folder: Path) -> None:
        self.client = client
        self.work = folder / "_work"
        self.temp = self.work / "_temp"
        self.workspace = self.work / "app" / "app"
        self.home = self.temp / "_github_home"
        self.workflow = self.temp / "_github_workflow"
        self.file_commands = self.temp / "_runner_file_commands"
        for each in (self.workspace, self.home, self.workflow, self.file_commands):
            each.mkdir(parents=True)
        (self.workflow / "event.json").write_text("{}")
        self._suffix = uuid4()
        self.files = {
            "OUTPUT": self.file_commands / f"set_output_{self._suffix}",
            "ENV": self.file_commands / f"set_env_{self._suffix}",
            "STEP_SUMMARY": self.file_commands / f"step_summary_{self._suffix}",
            "STATE": self.file_commands / f"save_state_{self._suffix}",
            "PATH": self.file_commands / f"add_path_{self._suffix}",
        }
        for file in self.files.values():
            file.touch(0o644)
        self.mounts = {
            str(self.temp): "/github/runner_temp",
            str(self.home): "/github/home",
            str(self.workflow): "/github/workflow",
            str(self.file_commands): "/github/file_commands",
            str(self.workspace): "/github/workspace",
        }
        if SOCKET.exists():
            self.mounts[str(SOCKET)] = str(SOCKET)
        self.inputs = declared_inputs()
        self.job_env: dict[str, str] = {}
        """What the job and its earlier steps set; the runner's own variables win over it."""
        self._belongs_to_runner()

    def give(self, **inputs: str | Path) -> None:
        """Give inputs, as the workflow's ``with:`` does; ``_`` stands for the hyphen."""
        for name, value in inputs.items():
            self.inputs[input_variable(name.replace("_", "-"))] = str(value)

    def mount_ca(self, ca_file: Path) -> None:
        """Put an authority's certificate into the workspace, where a checkout would have it."""
        copy = self.workspace / "ca.pem"
        copy.write_bytes(ca_file.read_bytes())
        self.hand_over(copy)
        self.give(ca_file="/github/workspace/ca.pem")

    @property
    def env(self) -> dict[str, str]:
        """The container's environment, in the runner's order of precedence."""
        return self.job_env | self.inputs | self._runner_env

    @cached_property
    def _runner_env(self) -> dict[str, str]:
        files = {
            f"GITHUB_{name}": f"/github/file_commands/{file.name}"
            for name, file in self.files.items()
        }
        return files | {
            "HOME": "/github/home",
            "GITHUB_ACTION": "rotate",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "octo",
            "GITHUB_API_URL": "https://api.github.com",
            "GITHUB_EVENT_NAME": "schedule",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "GITHUB_JOB": "rotate",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(self._suffix.int)[:11],
            "GITHUB_RUN_NUMBER": "7",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKFLOW": "Rotate",
            "GITHUB_WORKSPACE": "/github/workspace",
            "RUNNER_ARCH": "X64",
            "RUNNER_ENVIRONMENT": "self-hosted",
            "RUNNER_NAME": "runner",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": "/github/runner_temp",
            "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
            "RUNNER_WORKSPACE": str(self.workspace.parent),
            "ACTIONS_RUNTIME_URL": "https://pipelines.actions.githubusercontent.com/",
            "ACTIONS_CACHE_URL": "https://artifactcache.actions.githubusercontent.com/",
            "CI": "true",
        }

    def options(self, **more: Any) -> dict[str, Any]:
        """Return the options of the runner's ``docker run``."""
        label = uuid4().hex[:6]
        fixed = {
            "name": f"signotauractiondev_{uuid4().hex[:6]}",
            "labels": [label],
            "working_dir": "/github/workspace",
            "environment": self.env,
            "volumes": [f"{source}:{target}" for source, target in self.mounts.items()],
        }
        return fixed | more

    @contextmanager
    def running(self, *command: str, **more: Any) -> Iterator[Container]:
        """Run the step inside the block; ``command`` is what the step's ``args`` give."""
        with started(self.client, *command, **self.options(**more)) as container:
            yield container

    def run(self, *command: str, **more: Any) -> StepResult:
        """Run the step to its end."""
        with self.running(*command, **more) as container:
            return self.result(ended(container))

    def result(self, ran: Ran) -> StepResult:
        """Return what the runner makes of an ended container."""
        read = {
            name: file.read_bytes() if file.is_file() else b"" for name, file in self.files.items()
        }
        assert read["STATE"] == read["PATH"] == b""
        summary = read["STEP_SUMMARY"].decode()
        return StepResult(ran.code, ran.stdout, ran.stderr, read["OUTPUT"], read["ENV"], summary)

    def next_attempt(self) -> None:
        """Prepare the re-run of the job: empty files of commands, the same run."""
        for file in self.files.values():
            file.write_text("")

    def hand_over(self, *paths: Path) -> None:
        """Let files belong to the runner's user, as what a step of the host makes does."""
        hand_over(RUNNER_UID, *paths)

    def _belongs_to_runner(self) -> None:
        self.hand_over(self.work, *self.work.rglob("*"))


def environment_of(inspected: Mapping[str, Any]) -> Sequence[str]:
    """Return the ``NAME=value`` list of an inspected container."""
    found: Sequence[str] = inspected["Config"]["Env"]
    return found
