"""Several processes behind one address: how they start, what they share, and how they end."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from keyserver.harness import wait_until
from keyserver.processes import Process, command
from signotaur_wire import paths

CONNECTIONS = 24


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    assert command("user", "add", "ci", f"--data-dir={folder}").returncode == 0
    return folder


@pytest.fixture
def server(data_dir: Path) -> Iterator[Process]:
    with Process(data_dir, "--self-signed", "--workers=2") as process:
        yield process


def children(process_id: int) -> list[int]:
    text = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(each) for each in text.split()]


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_watches_and_the_others_serve_and_end_together(server: Process) -> None:
    workers = children(server.popen.pid)
    assert len(workers) == 2
    assert server.end(signal.SIGTERM) == 0
    assert server.rest_of_stdout() == ""  # one line said that all were ready
    assert not any(map(is_running, workers))


def test_a_worker_that_dies_is_named_and_ends_the_server(server: Process) -> None:
    first, second = children(server.popen.pid)
    os.kill(second, signal.SIGKILL)
    assert server.popen.wait(timeout=60) == 1
    assert not is_running(first)
    assert f"worker 2 (process {second}) died: SIGKILL" in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def test_workers_end_with_the_process_that_watches_them(server: Process) -> None:
    workers = children(server.popen.pid)
    server.end(signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, workers)))


def test_every_worker_takes_a_new_certificate(server: Process) -> None:
    os.kill(server.popen.pid, signal.SIGHUP)
    wait_until(lambda: server.log.read_text().count("the certificate was reloaded") == 2)


def test_a_revocation_holds_at_the_next_request_of_every_worker(
    server: Process, data_dir: Path
) -> None:
    place = f"--data-dir={data_dir}"
    key = command("key", "add", "--user=ci", "--name=build", place).stdout.strip()
    with ExitStack() as stack:
        sessions = [stack.enter_context(requests.Session()) for _ in range(CONNECTIONS)]
        for session in sessions:
            session.trust_env = False
            session.verify = server.ready["caFile"]
            session.headers["Authorization"] = f"Bearer {key}"
        url = server.url + paths.KEYS_SELF
        assert {session.get(url, timeout=60).status_code for session in sessions} == {200}
        assert command("key", "revoke", "1", place).returncode == 0
        told = {session.get(url, timeout=60).json()["type"] for session in sessions}
    assert told == {"key-revoked"}
