"""A run that is cancelled, stopped, killed or paused: both keys work, and a re-run finishes it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from e2e.client_harness import Ledger
from support.container import ContainerJob, cancel, ended, runs
from support.front import Exchange, Front
from support.keyserver import KeyServer

MOMENTS = {
    "before the rotation": ("GET", "/keys/self"),
    "while it is opened": ("PUT", "/rotations/"),
    "while it is confirmed": ("PUT", "/confirmation"),
}
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": 137}
WATCHDOG = 128 + 14
STOP_S = 60
"""What ``docker stop`` waits at most; a run that ends by itself takes a part of it."""
WATCHDOG_S = 6


class Gate:
    """Holds the answer to one request back; the server has done its work by then."""

    def __init__(self, method: str, part: str) -> None:
        self._method, self._part = method, part
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.answer_late = False
        self._done = False

    def __call__(self, exchange: Exchange) -> bool:
        if self._done or exchange.method != self._method or self._part not in exchange.path:
            return False
        self._done = True
        answer = exchange.forward()
        self.reached.set()
        self.opened.wait(60)
        if self.answer_late:
            exchange.answer(*answer)
        else:
            exchange.drop()
        return True


@pytest.fixture
def gate(front: Front, moment: str) -> Iterator[Gate]:
    """A gate at the moment that the test is parametrized with."""
    gate = Gate(*MOMENTS[moment])
    front.faults.append(gate)
    yield gate
    gate.opened.set()


@pytest.fixture
def ledger(plain_server: KeyServer) -> Ledger:
    """The keys of the server behind the front."""
    return Ledger(plain_server)


@pytest.fixture
def job(engine: docker.DockerClient, tmp_path: Path, front: Front, key: str) -> ContainerJob:
    """A job on the host's network, for the front speaks plain http on loopback."""
    job = ContainerJob(engine, tmp_path)
    (job.temp / "key.txt").write_text(f"{key}\n")
    job.give(
        sign_server=front.url,
        api_key_file="/github/runner_temp/key.txt",
        write_key_file="/github/runner_temp/key.txt",
    )
    return job


def finished_by_the_same_command(
    job: ContainerJob, server: KeyServer, ledger: Ledger, key: str
) -> None:
    """After the re-run one key survives, the server accepts it, and nothing else is left."""
    job.next_attempt()
    done = job.run(network_mode="host")
    assert done.code == 0, done.log
    new = (job.temp / "key.txt").read_text().strip()
    assert new != key
    assert server.accepts(new)
    survivors = [row for row in ledger.successors(key) if row["revoke_due_utc"] is None]
    assert [row["id"] for row in survivors] == [ledger.id_of(new)]
    assert {path.name for path in job.temp.iterdir() if path.is_file()} == {"key.txt"}


@pytest.mark.parametrize("signal", CODES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_cancelled_job(
    signal: str,
    job: ContainerJob,
    gate: Gate,
    plain_server: KeyServer,
    ledger: Ledger,
    key: str,
) -> None:
    with job.running(network_mode="host") as container:
        assert gate.reached.wait(120)
        assert cancel(container, signal) == [signal]  # the first one is enough
        done = job.result(ended(container))
    assert done.code == CODES[signal]
    assert plain_server.accepts((job.temp / "key.txt").read_text().strip())
    if signal != "SIGKILL":
        [error] = done.commands_named("error")
        assert "Keys: " in error.data
        assert done.outputs == {"rotated": "false"}
    gate.opened.set()
    finished_by_the_same_command(job, plain_server, ledger, key)


@pytest.mark.parametrize("moment", ["while it is opened"])
def test_docker_stop(job: ContainerJob, gate: Gate) -> None:
    """PID 1 passes SIGTERM on: nobody waits for the kill that would follow."""
    with job.running(network_mode="host") as container:
        assert gate.reached.wait(120)
        begin = time.monotonic()
        container.stop(timeout=STOP_S)
        assert time.monotonic() - begin < STOP_S / 2
        assert ended(container).code == CODES["SIGTERM"]


@pytest.mark.parametrize("moment", ["while it is opened", "while it is confirmed"])
def test_paused_past_its_watchdog(
    moment: str,
    job: ContainerJob,
    gate: Gate,
    plain_server: KeyServer,
    ledger: Ledger,
    key: str,
) -> None:
    """Another run may have taken over: whoever wakes up late writes nothing."""
    gate.answer_late = True
    job.job_env["SIGNOTAUR_WATCHDOG_SECONDS"] = str(WATCHDOG_S)
    with job.running(network_mode="host") as container:
        assert gate.reached.wait(120)
        container.pause()
        before = _files(job)
        gate.opened.set()
        time.sleep(WATCHDOG_S + 0.2)
        container.unpause()
        ran = ended(container)
    done = job.result(ran)
    assert done.code == WATCHDOG, done.log
    assert "watchdog" in ran.said
    assert done.outputs == {}
    assert _files(job) == before
    del job.job_env["SIGNOTAUR_WATCHDOG_SECONDS"]
    if moment == "while it is opened":
        finished_by_the_same_command(job, plain_server, ledger, key)


def _files(job: ContainerJob) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in job.work.rglob("*") if path.is_file()}


@pytest.mark.parametrize("moment", ["while it is opened"])
def test_run_is_not_the_first_process(job: ContainerJob, gate: Gate) -> None:
    """The kernel keeps the watchdog's signal from PID 1."""
    with job.running(network_mode="host") as container:
        assert gate.reached.wait(120)
        listed = container.top(ps_args="-eo pid,ppid,args")
        assert len(listed["Processes"]) == 2
        assert runs(container)
        container.kill("SIGKILL")
