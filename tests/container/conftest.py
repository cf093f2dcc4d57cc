"""Fixtures of the container tests: an engine, a key server that containers reach, a job."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from e2e.client_harness import Ledger
from support import container
from support.container import ContainerJob
from support.keyserver import KeyServer


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The engine of this machine, which holds the images."""
    client = container.engine()
    yield client
    client.close()


@pytest.fixture(scope="session")
def bridge_server(
    engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyServer]:
    """A key server on this machine's address in the containers' default network."""
    folder = tmp_path_factory.mktemp("bridge") / "data"
    server = KeyServer(folder, host=container.gateway(engine))
    server.add_user("build")
    with server:
        yield server


@pytest.fixture
def ledger(bridge_server: KeyServer) -> Ledger:
    """That server's keys."""
    return Ledger(bridge_server)


@pytest.fixture
def key(ledger: Ledger, fresh_name: str) -> str:
    """A fresh key of that server, valid for 90 days."""
    return ledger.add(fresh_name)


@pytest.fixture
def job(
    engine: docker.DockerClient, tmp_path: Path, bridge_server: KeyServer, key: str
) -> ContainerJob:
    """A job that rotates ``key``, from its secrets into a file for the steps that follow."""
    job = ContainerJob(engine, tmp_path)
    job.mount_ca(bridge_server.ca_file)
    job.give(
        api_key=key,
        sign_server=bridge_server.url,
        write_key_file="/github/runner_temp/key.txt",
    )
    return job
