"""The examples for Continua CI and Jenkins, and the demo, run as they stand, in containers.

Only what every site does in its own way is added: ``docker`` is told of the test server's CA.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import docker
import pytest

from e2e.client_harness import Ledger
from support.client import BARE
from support.container import ACTION_IMAGE
from support.key_encodings import leaks
from support.keyserver import KeyServer

ROOT = Path(__file__).parents[2]
EXAMPLE_SERVER = "https://signotaur.example.com"
MESSAGE = re.compile(
    r"\A@@continua\[setServerVariable name='SignotaurApiKey' value='(sig_\w+)'\]\n\Z"
)


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
            timeout=500,
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
    old = ledger.add(fresh_name, days=10)

    def message(key: str) -> str:
        env = {"SIGNOTAUR_API_KEY": key, "SIGNOTAUR_SERVER": site.server.url}
        done = site.run(script, tmp_path, **env)
        assert done.returncode == 0, done.stderr
        assert leaks(key, {"log": f"{done.stdout}{done.stderr}".encode()}) == []
        return done.stdout

    assert message(ledger.add(fresh_name, days=90)) == ""  # not due
    [new] = MESSAGE.findall(message(old))
    [newest] = MESSAGE.findall(message(new))
    assert ledger.of(new)["rotated_from_key_id"] == ledger.id_of(old)
    assert ledger.of(newest)["rotated_from_key_id"] == ledger.id_of(new)
    assert site.server.accepts(newest)


@dataclass
class Jenkins:
    """The example's pipeline over a folder of keys."""

    site: Site
    folder: Path

    def __post_init__(self) -> None:
        pipeline = (ROOT / "examples" / "jenkins" / "Jenkinsfile").read_text()
        environment = dict(re.findall(r"^        (\w+) = '([^']*)'$", pipeline, re.MULTILINE))
        assert environment == {"SIGNOTAUR_SERVER": EXAMPLE_SERVER, "KEY_FOLDER": "/var/lib/signing"}
        self.rotate, self.guard = re.findall(r"sh '''\n(.*?)'''", pipeline, re.DOTALL)
        self.keys = self.folder / "signing"
        self.keys.mkdir()
        self.key_file = self.keys / "api_key.txt"
        self.key_file.touch(mode=0o600)

    def run(self, step: str, *, key: str = "") -> subprocess.CompletedProcess[str]:
        """Run a step, with this text in the key file or with what is there."""
        if key:
            self.key_file.write_text(f"{key}\n")
        return self.site.run(
            step,
            self.folder,
            SIGNOTAUR_SERVER=self.site.server.url,
            KEY_FOLDER=str(self.keys),
            JENKINS_URL="https://jenkins.example.com",
            JOB_NAME="rotate",
            BUILD_NUMBER="7",
        )


def test_the_jenkins_example_rotates_the_agents_key_file(
    site: Site, ledger: Ledger, fresh_name: str, tmp_path: Path
) -> None:
    jenkins = Jenkins(site, tmp_path)
    keys = [ledger.add(fresh_name, days=days) for days in (90, 10)]
    outcomes = []
    for key in keys:
        done = jenkins.run(jenkins.rotate, key=key)
        assert done.returncode == 0, done.stderr
        outcomes.append(jenkins.key_file.read_text() != f"{key}\n")
    new = jenkins.key_file.read_text().strip()
    done = jenkins.run(jenkins.rotate)  # starts from the new key, which is due as well

    assert outcomes == [False, True]  # only when due
    assert done.returncode == 0, done.stderr
    newest = jenkins.key_file.read_text().strip()
    assert ledger.of(newest)["rotated_from_key_id"] == ledger.id_of(new)
    assert site.server.accepts(newest)
    assert list(jenkins.keys.iterdir()) == [jenkins.key_file]
    assert leaks(newest, {"log": f"{done.stdout}{done.stderr}".encode()}) == []


def test_the_jenkins_example_keeps_a_file_with_more_than_the_key(
    site: Site, ledger: Ledger, fresh_name: str, tmp_path: Path
) -> None:
    jenkins = Jenkins(site, tmp_path)
    key = ledger.add(fresh_name, days=10)
    done = jenkins.run(jenkins.rotate, key=f"SIGNOTAUR_API_KEY={key}\nOTHER=stays")
    assert done.returncode == 11, done.stderr
    assert "OTHER=stays" in jenkins.key_file.read_text()
    assert ledger.successors(key) == []


def test_the_jenkins_example_guards_before_it_signs(
    site: Site, ledger: Ledger, fresh_name: str, tmp_path: Path
) -> None:
    jenkins = Jenkins(site, tmp_path)
    codes = [
        jenkins.run(jenkins.guard, key=ledger.add(fresh_name, days=days)).returncode
        for days in (90, 6)
    ]
    assert codes == [0, 13]


@pytest.mark.usefixtures("engine")
def test_the_demo_runs_its_job_in_the_image(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "signotaur_demo", "--image", ACTION_IMAGE],
        env={**BARE, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "/github/workspace/api_key.txt" in done.stdout
    assert "no key lost, none shown, nobody locked out" in done.stdout
    assert list(tmp_path.iterdir()) == []
