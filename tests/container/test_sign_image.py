"""The image that signs: built from the same Dockerfile, run on a folder as its comment says."""

import os
import subprocess
from pathlib import Path

import docker

from e2e.client_harness import Ledger
from support.keyserver import KeyServer

ROOT = Path(__file__).parents[2]
IMAGE = "signotaur-sign:dev"


def test_it_signs_a_file_of_a_mounted_folder(
    engine: docker.DockerClient,
    bridge_server: KeyServer,
    ledger: Ledger,
    fresh_name: str,
    tmp_path: Path,
) -> None:
    build = ["docker", "build", "--quiet", "--target", "sign", "--tag", IMAGE, "."]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    image = engine.images.get(IMAGE)
    assert image.labels["org.opencontainers.image.title"] == "signotaur-sign"
    assert image.attrs["Config"]["User"] == "10001"  # root for nobody who forgets --user
    assert image.attrs["Config"]["Entrypoint"] == ["/usr/bin/signotaur-action"]
    certificate = ("--label", fresh_name, "--self-signed", "--subject", "CN=Example")
    bridge_server.command("cert", "add", *certificate, "--key-type", "ec-p256", "--user", "build")
    script = tmp_path / "release.ps1"
    script.write_text("Write-Output 'signed'\n")

    done = subprocess.run(
        [
            *("docker", "run", "--rm", "--volume", f"{tmp_path}:/files"),
            *("--user", f"{os.getuid()}:{os.getgid()}", "--env", "SIGNOTAUR_API_KEY"),
            *("--volume", f"{bridge_server.ca_file}:/ca.pem:ro", IMAGE, "sign"),
            *("--sign-server", bridge_server.url, "--ca-file", "/ca.pem"),
            *("--label", fresh_name, script.name),
        ],
        env={"PATH": os.environ["PATH"], "SIGNOTAUR_API_KEY": ledger.add(fresh_name)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "SIG # Begin signature block" in script.read_text()
    assert list(tmp_path.iterdir()) == [script]
