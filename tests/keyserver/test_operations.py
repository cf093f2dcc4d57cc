"""What an operator relies on: metrics, logs, a new certificate without a stop, and a quiet end."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from keyserver.harness import ServerHarness, wait_until
from keyserver.processes import Process, command
from support.tls import Authority, Certificate

UNIT = Path(__file__).parents[2] / "examples" / "systemd" / "signotaur-keyserver.service"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    command("user", "add", "ci", f"--data-dir={folder}")
    return folder


# Metrics


def test_the_metrics_can_be_parsed(world: ServerHarness) -> None:
    world.now.self(world.key())
    answer = world.now.call("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    assert {name: each.type for name, each in families.items()} == {
        "signotaur_keys": "gauge",
        "signotaur_rotations": "gauge",
        "signotaur_requests": "counter",
        "signotaur_signatures": "counter",
        "signotaur_sweeps": "counter",
        "signotaur_swept_keys": "counter",
        "signotaur_held_rotations": "counter",
    }
    names = {sample.name for each in families.values() for sample in each.samples}
    assert {name for name in names if not name.endswith("_total")} == {
        "signotaur_keys",
        "signotaur_rotations",
    }
    assert all(each.documentation for each in families.values())


# Logs


def test_a_log_of_json(data_dir: Path) -> None:
    with Process(data_dir, "--insecure-http", "--log-format=json") as server:
        requests.get(f"{server.url}/healthz", timeout=60)
        requests.get(f"{server.url}/api/v1/keys/self?x=secret", timeout=60)
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    asked = [line for line in lines if line["logger"] == "signotaur_keyserver.access"]
    assert [(line["method"], line["path"], line["status"], line["keyId"]) for line in asked] == [
        ("GET", "/healthz", 200, "-"),
        ("GET", "/api/v1/keys/self", 401, "-"),
    ]
    assert all(datetime.fromisoformat(line["time"]) for line in lines)
    assert all(isinstance(line["milliseconds"], float) for line in asked)
    assert "secret" not in server.log.read_text()


def test_a_log_of_text_stays_as_it_was(data_dir: Path) -> None:
    with Process(data_dir, "--insecure-http") as server:
        requests.get(f"{server.url}/healthz", timeout=60)
    assert " INFO GET /healthz 200 " in server.log.read_text()
    options = ("--insecure-http", "--log-format=xml", f"--data-dir={data_dir}")
    assert command("serve", *options).returncode == 10


# The certificate


def _serial(port: int) -> int:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return hash(shown)


@pytest.fixture
def files(tmp_path: Path) -> Certificate:
    return Authority(tmp_path / "authority").issue()


@pytest.fixture
def serving(data_dir: Path, files: Certificate) -> Iterator[Process]:
    tls = (f"--tls-cert={files.certificate}", f"--tls-key={files.key}")
    with Process(data_dir, *tls) as server:
        yield server


def test_a_new_certificate_is_used_without_a_stop(
    serving: Process, files: Certificate, tmp_path: Path
) -> None:
    port = int(serving.url.rpartition(":")[2])
    before = _serial(port)
    kept = socket.create_connection(("127.0.0.1", port), timeout=60)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(kept) as open_before:
        other = Authority(tmp_path / "other").issue()
        shutil.copyfile(other.certificate, files.certificate)
        shutil.copyfile(other.key, files.key)
        assert _serial(port) == before
        os.kill(serving.popen.pid, signal.SIGHUP)
        wait_until(lambda: _serial(port) != before)
        open_before.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert open_before.recv(12) == b"HTTP/1.1 200"
    assert "the certificate was reloaded" in serving.log.read_text()


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_certificate_that_cannot_be_used_is_left_alone(
    serving: Process, files: Certificate, content: bytes | None, tmp_path: Path
) -> None:
    port = int(serving.url.rpartition(":")[2])
    before = _serial(port)
    if content is None:  # a certificate of another key
        shutil.copyfile(Authority(tmp_path / "other").issue().certificate, files.certificate)
    else:
        files.certificate.write_bytes(content)
    os.kill(serving.popen.pid, signal.SIGHUP)
    wait_until(lambda: "the previous one stays in use" in serving.log.read_text())
    assert _serial(port) == before


def test_without_tls_sighup_ends_nothing(data_dir: Path) -> None:
    with Process(data_dir, "--insecure-http") as server:
        os.kill(server.popen.pid, signal.SIGHUP)
        assert requests.get(f"{server.url}/healthz", timeout=60).status_code == 200
        assert server.end(signal.SIGTERM) == 0


# The end


def _begun(server: Process, key: str) -> socket.socket:
    """Begin a request whose body is not complete."""
    port = int(server.url.rpartition(":")[2])
    opened = socket.create_connection(("127.0.0.1", port), timeout=60)
    head = (
        "POST /api/v2/cert/get HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: 2\r\n\r\n{{"
    )
    opened.sendall(head.encode())
    return opened


def test_a_request_under_way_is_finished(data_dir: Path) -> None:
    folder = f"--data-dir={data_dir}"
    key = command("key", "add", "--user=ci", "--name=build", folder).stdout.strip()
    with Process(data_dir, "--insecure-http") as server:
        with _begun(server, key) as begun:
            requests.get(f"{server.url}/healthz", timeout=60)  # the server has read the other one
            os.kill(server.popen.pid, signal.SIGTERM)
            wait_until(lambda: _refuses(server))
            begun.sendall(b"}")
            assert begun.recv(9) == b"HTTP/1.1 "
        assert server.popen.wait(timeout=60) == 0


def test_a_request_that_never_ends_does_not_keep_the_server(data_dir: Path) -> None:
    folder = f"--data-dir={data_dir}"
    key = command("key", "add", "--user=ci", "--name=build", folder).stdout.strip()
    with Process(data_dir, "--insecure-http") as server, _begun(server, key):
        requests.get(f"{server.url}/healthz", timeout=60)
        assert server.end(signal.SIGTERM) == 0


def _refuses(server: Process) -> bool:
    port = int(server.url.rpartition(":")[2])
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionRefusedError:
        return True
    return False


# The unit


def _unit() -> dict[str, str]:
    lines = [line.partition("=") for line in UNIT.read_text().splitlines() if "=" in line]
    return {name: value for name, _, value in lines if not name.startswith("#")}


def test_the_unit_starts_a_server_that_exists(data_dir: Path, files: Certificate) -> None:
    unit = _unit()
    arguments = unit["ExecStart"].split()[1:]
    assert arguments[0] == "serve"
    places = {
        "/var/lib/signotaur": str(data_dir),
        "/etc/signotaur/tls.pem": str(files.certificate),
        "/etc/signotaur/tls-key.pem": str(files.key),
        "0.0.0.0": "127.0.0.1",  # noqa: S104
        "8443": "0",
    }
    options = [places.get(each, each) for each in arguments[1:]]
    with Process(data_dir, *options) as server:
        assert _serial(int(server.url.rpartition(":")[2]))
    assert unit["ExecReload"] == "/bin/kill -HUP $MAINPID"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    # The program and its user are not on this machine: others take their places.
    text = UNIT.read_text().replace("/opt/signotaur/bin/signotaur-keyserver", "/bin/true")
    unit = tmp_path / "signotaur-keyserver.service"
    unit.write_text(text.replace("=signotaur\n", "=root\n", 2))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert str(unit.name) not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
