"""``scripts/docker-engine``: says what to do, starts nothing unasked, stops nothing of others."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/docker-engine"
NO_ENGINE = {"PATH": os.environ["PATH"], "DOCKER_HOST": "unix:///nonexistent.sock"}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A copy whose state is its own."""
    (tmp_path / "scripts").mkdir()
    return Path(shutil.copy(SCRIPT, tmp_path / "scripts"))


def call(script: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *arguments],
        env=NO_ENGINE | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_says_what_to_do_without_an_engine(script: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("there is no Docker here")
    done = call(script, "require")
    assert done.returncode == 1
    assert "scripts/docker-engine start" in done.stderr


def test_says_what_to_do_without_docker(script: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dirname", "cat"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = call(script, "require", PATH=str(tools))
    assert done.returncode == 1
    assert "Install it" in done.stderr


def test_starts_none_on_a_developers_machine(script: Path) -> None:
    done = call(script, "with", "sh", "-c", "echo ran; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "ran\n", "")
    assert not (script.parents[1] / ".cache").exists()


def test_stops_no_process_that_it_did_not_start(script: Path) -> None:
    """A pid may have gone to somebody else since it was written down."""
    state = script.parents[1] / ".cache/docker-engine"
    state.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            (state / "pid").write_text(str(bystander.pid))
            assert call(script, "stop").returncode == 0
            assert bystander.poll() is None
            assert not (state / "pid").exists()
        finally:
            bystander.kill()
