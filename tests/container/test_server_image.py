"""The key server's image: an ordinary user, its own authority, keys that outlive the container."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest
import requests
from docker.models.containers import Container

from signotaur_wire.version import VERSION
from support.container import ACTION_IMAGE, SERVER_IMAGE, first_lines, output_of

SERVER = ("/usr/bin/python3", "-I", "-m", "signotaur_keyserver")
PORT = "8443/tcp"
OPEN_PORT: dict[str, Any] = {PORT: ("127.0.0.1", None)}
"""A free port of this machine alone."""


@pytest.fixture
def volume(engine: docker.DockerClient) -> Iterator[str]:
    """A volume of this test alone."""
    volume = engine.volumes.create(f"signotaur-{uuid4().hex[:8]}")
    assert volume.name
    yield volume.name
    volume.remove(force=True)


@pytest.fixture
def server(engine: docker.DockerClient, volume: str) -> Iterator[Container]:
    """The image as it starts by itself, its port open to this machine only."""
    server = engine.containers.run(
        SERVER_IMAGE,
        detach=True,
        ports=OPEN_PORT,
        volumes=[f"{volume}:/data"],
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        read_only=True,
    )
    try:
        yield server
    finally:
        server.remove(force=True, v=True)


def ready(server: Container, starts: int = 1) -> str:
    """Wait for the ready line of a container's n-th start; return the URL for this machine."""
    for line in first_lines(server, starts):
        assert json.loads(line)["caFile"] == "/data/ca.pem"
    server.reload()
    [binding] = server.ports[PORT] or []
    return f"https://127.0.0.1:{binding['HostPort']}"


def command(server: Container, *arguments: str) -> str:
    return output_of(server, *SERVER, *arguments, "--data-dir=/data")


def answer(server: Container, url: str, key: str, folder: Path) -> int:
    """Ask who a key is; trust the server's own authority, and nobody else."""
    read = "print(open('/data/ca.pem').read())"
    (folder / "ca.pem").write_text(output_of(server, "/usr/bin/python3", "-c", read))
    headers = {"Authorization": f"Bearer {key}"}
    return requests.get(
        f"{url}/api/v1/keys/self", headers=headers, verify=str(folder / "ca.pem"), timeout=60
    ).status_code


def test_keys_outlive_the_container(server: Container, tmp_path: Path) -> None:
    url = ready(server)
    command(server, "user", "add", "build", "--role", "ApiKeyRotator")
    key = command(server, "key", "add", "--user", "build", "--name", "ci")
    assert answer(server, url, key, tmp_path) == 200

    server.stop(timeout=10)
    server.reload()
    assert server.attrs["State"]["ExitCode"] == 0
    server.start()

    url = ready(server, starts=2)
    assert answer(server, url, key, tmp_path) == 200
    assert key not in server.logs().decode()
    assert key not in json.dumps(server.attrs)


def test_it_is_nobody_in_particular(server: Container, engine: docker.DockerClient) -> None:
    ready(server)
    whoami = "import os; print(os.getuid())"
    assert output_of(server, "/usr/bin/python3", "-c", whoami) == "10001"
    image = engine.images.get(SERVER_IMAGE)
    assert image.attrs["Config"]["User"] == "10001"
    assert image.labels["org.opencontainers.image.version"] == VERSION
    assert ACTION_IMAGE not in image.tags
