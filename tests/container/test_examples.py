"""The examples for Continua CI and Jenkins, and the demo, run as they stand, in containers.

Only what every site does in its own way is added: ``docker`` is told of the test server's CA.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import docker
import pytest

from e2e.desk import Ledger
from support.client import BARE
from support.container import ACTION_IMAGE
from support.keyserver import KeyServer

ROOT = Path(__file__).parents[2]
EXAMPLE_SERVER = "https://signotaur.example.com"


class Site(NamedTuple):
    """A machine that runs the examples."""

    server: KeyServer
    path: str

    def run(self, script: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=folder,
            env={**BARE, **env, "PATH": self.path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture
def site(engine: docker.DockerClient, bridge_server: KeyServer, tmp_path: Path) -> Iterator[Site]:
    real = shutil.which("docker")
    assert real
    shim = tmp_path / "tools" / "docker"
    shim.parent.mkdir()
    added = f"-v {bridge_server.ca_file}:/ca.pem:ro -e SIGNOTAUR_CA_FILE=/ca.pem"
    shim.write_text(f'#!/bin/sh\nshift 2\nexec {real} run --rm {added} "$@"\n')
    shim.chmod(0o755)
    yield Site(bridge_server, f"{shim.parent}:{BARE['PATH']}")
    for volume in engine.volumes.list(filters={"name": "signotaur-state"}):
        volume.remove()


def test_the_continua_example_sets_the_server_variable(
    site: Site, ledger: Ledger, fresh_name: str, tmp_path: Path
) -> None:
    script = (ROOT / "examples" / "continua" / "rotate.sh").read_text()
    assert f"{ACTION_IMAGE} rotate-key" in script
    key = ledger.add(fresh_name, days=10)

    done = site.run(script, tmp_path, SIGNOTAUR_API_KEY=key, SIGNOTAUR_SERVER=site.server.url)

    assert done.returncode == 0, done.stderr
    message = re.fullmatch(
        r"@@continua\[setServerVariable name='SignotaurApiKey' value='(sig_\w+)'\]\n", done.stdout
    )
    assert message, done.stdout.replace(key, "***")
    assert site.server.accepts(message[1])


def test_the_jenkins_example_rotates_the_agents_key_file(
    site: Site, ledger: Ledger, fresh_name: str, tmp_path: Path
) -> None:
    pipeline = (ROOT / "examples" / "jenkins" / "Jenkinsfile").read_text()
    environment = dict(re.findall(r"^        (\w+) = '([^']*)'$", pipeline, re.MULTILINE))
    assert environment == {"SIGNOTAUR_SERVER": EXAMPLE_SERVER, "KEY_FOLDER": "/var/lib/signing"}
    (step,) = re.findall(r"sh '''\n(.*?)'''", pipeline, re.DOTALL)
    keys = tmp_path / "signing"
    keys.mkdir()
    key_file = keys / "api_key.txt"
    outcomes = []
    for days in (90, 10):
        key = ledger.add(fresh_name, days=days)
        key_file.touch(mode=0o600)
        key_file.write_text(f"{key}\n")
        done = site.run(
            step,
            tmp_path,
            SIGNOTAUR_SERVER=site.server.url,
            KEY_FOLDER=str(keys),
            JENKINS_URL="https://jenkins.example.com",
            JOB_NAME="rotate",
            BUILD_NUMBER="7",
        )
        assert done.returncode == 0, done.stderr
        outcomes.append(key_file.read_text() != f"{key}\n")

    assert outcomes == [False, True]  # only when due
    assert site.server.accepts(key_file.read_text().strip())
    assert list(keys.iterdir()) == [key_file]


@pytest.mark.usefixtures("engine")
def test_the_demo_runs_its_job_in_the_image(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "signotaur_action", "demo", "--image", ACTION_IMAGE],
        env={**BARE, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "/github/workspace/api_key.txt" in done.stdout
    assert "no key lost, none shown, nobody locked out" in done.stdout
    assert list(tmp_path.iterdir()) == []
