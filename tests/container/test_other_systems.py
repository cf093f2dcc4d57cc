"""The image as other CI systems and people start it: ``docker run`` with few options."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import docker
import pytest
from docker.models.containers import Container

from e2e.client_harness import Ledger
from support.container import (
    SERVER_IMAGE,
    Ran,
    file_of,
    first_lines,
    hand_over,
    output_of,
    run,
)
from support.key_encodings import leaks
from support.keyserver import KeyServer
from support.mounts import require_root

SERVER = ("/usr/bin/python3", "-I", "-m", "signotaur_keyserver")
_ESCAPES = {"n": "\n", "r": "\r"}


def continua_message(line: str) -> tuple[str, dict[str, str]]:
    """Read a log message by Continua CI's rules: quoted values, backslash before the special."""
    whole = re.fullmatch(r"@@continua\[(\w+)((?: \w+='(?:\\.|[^\\'\[\]])*')*)\]", line)
    assert whole, line
    values = re.findall(r" (\w+)='((?:\\.|[^\\'])*)'", whole[2])
    plain = {
        name: re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), value)
        for name, value in values
    }
    return whole[1], plain


def test_continua(
    engine: docker.DockerClient, bridge_server: KeyServer, ledger: Ledger, key: str
) -> None:
    """The key in a variable of the server, and the new one back into it."""
    done = run(
        engine,
        *("rotate-key", "--sign-server", bridge_server.url, "--ca-file", "/ca.pem"),
        *("--emit-secret", "continua:serverVar=SignotaurKey"),
        environment={"SIGNOTAUR_API_KEY": key},
        volumes=[f"{bridge_server.ca_file}:/ca.pem:ro"],
    )
    assert done.code == 0, done.said
    [line] = done.stdout.decode().splitlines()
    message, values = continua_message(line)
    assert message == "setServerVariable"
    assert values["name"] == "SignotaurKey"
    assert ledger.of(values["value"])["rotated_from_key_id"] == ledger.id_of(key)
    assert bridge_server.accepts(values["value"])
    for each in (key, values["value"]):
        assert leaks(each, {"stderr": done.stderr}) == []


@dataclass
class Keys:
    """A folder of keys on the machine that runs the container."""

    folder: Path
    server: KeyServer

    @property
    def file(self) -> Path:
        return self.folder / "key.txt"

    @property
    def volumes(self) -> list[str]:
        return [f"{self.folder}:/keys"]

    @property
    def arguments(self) -> tuple[str, ...]:
        server = ("--sign-server", self.server.url, "--ca-file", "/keys/ca.pem")
        files = ("--api-key-file", "/keys/key.txt", "--write-key-file", "/keys/key.txt")
        return ("rotate-key", *server, *files)


@pytest.fixture
def keys(tmp_path: Path, bridge_server: KeyServer, key: str) -> Keys:
    """A key file with its authority beside it."""
    keys = Keys(tmp_path / "keys", bridge_server)
    keys.folder.mkdir()
    keys.file.write_text(f"{key}\n")
    keys.file.chmod(0o600)
    (keys.folder / "ca.pem").write_bytes(bridge_server.ca_file.read_bytes())
    return keys


def assert_replaced(done: Ran, keys: Keys, old: str) -> None:
    assert done.code == 0, done.said
    new = keys.file.read_text().strip()
    assert new != old
    assert keys.server.accepts(new)
    assert {path.name for path in keys.folder.iterdir()} == {"key.txt", "ca.pem"}
    for each in (new, old):
        assert (
            leaks(each, {"said": done.said.encode(), "inspect": str(done.inspected).encode()}) == []
        )


def test_jenkins(engine: docker.DockerClient, keys: Keys, key: str) -> None:
    """The key in a file of a mounted folder, replaced there."""
    environment = {"JENKINS_URL": "https://jenkins", "JOB_NAME": "rotate", "BUILD_NUMBER": "7"}
    done = run(engine, *keys.arguments, volumes=keys.volumes, environment=environment)
    assert_replaced(done, keys, key)


def test_owner_is_kept(engine: docker.DockerClient, keys: Keys, key: str) -> None:
    before = keys.file.stat()
    assert_replaced(run(engine, *keys.arguments, volumes=keys.volumes), keys, key)
    after = keys.file.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (
        before.st_uid,
        before.st_gid,
        before.st_mode,
    )


def test_single_mounted_file(engine: docker.DockerClient, keys: Keys, key: str) -> None:
    """It cannot be renamed over, so it is written in place."""
    inode = keys.file.stat().st_ino
    done = run(
        engine,
        *keys.arguments,
        volumes=[f"{keys.file}:/keys/key.txt", f"{keys.folder / 'ca.pem'}:/keys/ca.pem:ro"],
    )
    assert_replaced(done, keys, key)
    assert keys.file.stat().st_ino == inode


def test_file_mounted_read_only(
    engine: docker.DockerClient, keys: Keys, ledger: Ledger, key: str
) -> None:
    done = run(engine, *keys.arguments, volumes=[f"{keys.folder}:/keys:ro"])
    assert done.code == 11, done.said
    assert keys.file.read_text() == f"{key}\n"
    assert ledger.successors(key) == []


@pytest.fixture
def private_network(engine: docker.DockerClient) -> Iterator[str]:
    """A network of this test alone, without a way out."""
    network = engine.networks.create(f"signotaur-{uuid4().hex[:8]}", internal=True)
    assert network.name
    yield network.name
    network.remove()


@pytest.fixture
def server_container(engine: docker.DockerClient, private_network: str) -> Iterator[Container]:
    """The key server's image on that network, under the name ``keyserver``."""
    serve = ("serve", "--data-dir", "/data", "--host", "0.0.0.0", "--self-signed")  # noqa: S104
    server = engine.containers.create(
        SERVER_IMAGE,
        [*serve, "--tls-name", "keyserver"],
        hostname="keyserver",
        name=f"keyserver-{uuid4().hex[:8]}",
        network=private_network,
        networking_config={
            private_network: engine.api.create_endpoint_config(aliases=["keyserver"])
        },
    )
    try:
        server.start()
        [ready] = first_lines(server)
        assert json.loads(ready)["caFile"] == "/data/ca.pem"
        yield server
    finally:
        server.remove(force=True, v=True)


def serving(server: Container, *arguments: str) -> str:
    """Run a command of the key server in its container."""
    return output_of(server, *SERVER, *arguments, "--data-dir=/data")


def test_without_any_privilege(
    engine: docker.DockerClient, private_network: str, server_container: Container, tmp_path: Path
) -> None:
    """An ordinary user, no capability, nothing writable but the mounted folder, its own network."""
    require_root()
    serving(server_container, "user", "add", "build", "--role", "ApiKeyRotator")
    key = serving(server_container, "key", "add", "--user", "build", "--name", "ci")
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "key.txt").write_text(f"{key}\n")
    (folder / "ca.pem").write_bytes(file_of(server_container, "/data/ca.pem"))
    hand_over(1000, folder, *folder.iterdir())

    done = run(
        engine,
        *("rotate-key", "--sign-server", "https://keyserver:8443", "--ca-file", "/keys/ca.pem"),
        *("--api-key-file", "/keys/key.txt", "--write-key-file", "/keys/key.txt"),
        volumes=[f"{folder}:/keys"],
        user="1000",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        network=private_network,
    )

    assert done.code == 0, done.said
    new = (folder / "key.txt").read_text().strip()
    assert new != key
    assert (folder / "key.txt").stat().st_uid == 1000
    assert (folder / "key.txt").stat().st_mode & 0o777 == 0o600
    listed = json.loads(serving(server_container, "key", "list", "--json"))
    assert [each["rotatedFromKeyId"] for each in listed] == [None, listed[0]["id"]]
    assert leaks(new, {"said": done.said.encode()}) == []
