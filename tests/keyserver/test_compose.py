"""The example with PostgreSQL, two instances and nginx: its files are valid, and nginx runs it."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from keyserver.harness import Client, ServerHarness, wait_until
from keyserver.processes import Process, command
from keyserver.uses import uses_of
from signotaur_keyserver.commands.data_folder import existing
from signotaur_keyserver.runtime.tls import ensure_self_signed
from signotaur_keyserver.service import administration
from support.postgresql import Cluster

EXAMPLE = Path(__file__).parents[2] / "examples" / "compose"


@pytest.fixture
def dialect() -> str:
    """The database of these tests."""
    return "postgresql"


@pytest.fixture
def nginx() -> str:
    """The program nginx."""
    found = shutil.which("nginx")
    if found is None:
        pytest.skip("needs nginx (Debian: nginx-light)")
    return found


def test_the_compose_file_runs_what_it_describes(tmp_path: Path, world: ServerHarness) -> None:
    described: dict[str, Any] = yaml.safe_load((EXAMPLE / "compose.yml").read_text())
    services = described["services"]
    for name in ("keyserver-1", "keyserver-2"):
        service = services[name]
        assert service["depends_on"]["database"] == {"condition": "service_healthy"}
        options = [
            option.replace("/data", str(tmp_path))
            for option in service["command"][1:]
            if not option.startswith(("--database", "--host"))
        ]
        with Process(tmp_path, *options, f"--database={world.url}") as server:
            assert server.ready["caFile"]
    proxy = services["proxy"]["networks"]["inside"]["ipv4_address"]
    assert f"--trusted-proxy={proxy}" in services["keyserver-1"]["command"]
    assert {volume.partition(":")[0] for volume in services["proxy"]["volumes"]} == {
        "./nginx.conf",
        "./tls",
        "data",
    }


@contextmanager
def _proxy(nginx: str, folder: Path, instances: list[str], ca_file: str) -> Iterator[int]:
    """Run nginx with the example's configuration, with this machine's places put in."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    files = ensure_self_signed(folder, ["keys.example.com"])
    text = (EXAMPLE / "nginx.conf").read_text()
    for there, here in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/nginx/tls/fullchain.pem", str(files.certificate)),
        ("/etc/nginx/tls/privkey.pem", str(files.key)),
        ("/keyserver/ca.pem", ca_file),
        ("keyserver-1:8443", instances[0]),
        ("keyserver-2:8443", instances[1]),
    ):
        assert there in text
        text = text.replace(there, here)
    text = re.sub(
        r"^http \{", f"http {{\n    access_log off; {_temporary(folder)}", text, flags=re.MULTILINE
    )
    file = folder / "nginx.conf"
    file.write_text(f"pid {folder}/nginx.pid; user root;\n{text}")
    arguments = [nginx, "-c", str(file), "-e", str(folder / "error.log"), "-p", str(folder)]
    checked = subprocess.run([*arguments, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen([*arguments, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port))
        yield port
    finally:
        process.terminate()
        process.wait(timeout=60)


def _temporary(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_two_instances_behind_nginx(tmp_path: Path, cluster: Cluster, nginx: str) -> None:
    name = cluster.create()
    url, data = cluster.url(name), tmp_path / "data"
    where = (f"--data-dir={data}", f"--database={url}")
    assert command("user", "add", "ci", "--role", "ApiKeyRotator", *where).returncode == 0
    with existing(data, url) as database:
        key = administration.add_key(database, "ci", "build", None)
    options = (
        "--self-signed", "--tls-name=keyserver", "--trusted-proxy=127.0.0.1",
        f"--database={url}",
    )  # fmt: skip
    with Process(data, *options) as one, Process(data, *options) as two:
        instances = [server.url.removeprefix("https://") for server in (one, two)]
        proxied = _proxy(nginx, tmp_path / "proxy", instances, str(one.ready["caFile"]))
        (tmp_path / "proxy").mkdir()
        with proxied as port, closing(Client(f"https://localhost:{port}", [])) as client:
            client.session.verify = str(tmp_path / "proxy" / "ca.pem")
            forged = {"X-Forwarded-For": "6.6.6.6"}
            for _ in range(4):
                rotation = client.rotate(key)
                key = rotation.new.text
                answer = client.call("GET", "/api/v1/keys/self", key, headers=forged)
                assert answer.status_code == 200
            metrics = requests.get(
                f"https://localhost:{port}/metrics", verify=client.session.verify, timeout=60
            )
            assert metrics.status_code == 404
    with existing(data, url) as database:
        assert {use.network for use in uses_of(database)} == {"127.0.0.1"}
        assert {event.event.source for event in administration.list_events(database, 100)} == {
            None,
            "127.0.0.1",
        }
    cluster.drop(name)
