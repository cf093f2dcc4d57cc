"""The client installs by pip, so by pipx too, and its lock holds on every system it runs on."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from docs.pages import block

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "runtime.txt"
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def locked(environment: dict[str, str]) -> set[str]:
    """Return the names that the lock installs in an environment."""
    lines = re.findall(r"^([A-Za-z0-9_.-]+==[^\\\n]*)", LOCK.read_text(), re.MULTILINE)
    found = [Requirement(line.strip()) for line in lines]
    return {each.name for each in found if each.marker is None or each.marker.evaluate(environment)}


def needed(environment: dict[str, str]) -> Iterator[str]:
    """Yield all that the client needs in an environment, by what is installed here."""
    todo, seen = ["signotaur-action"], set[str]()
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        yield name
        if name == "colorama":  # for Windows alone, so it is not here; it needs nothing
            continue
        demanded = map(Requirement, requires(name) or [])
        here = environment | {"extra": ""}
        todo += [each.name for each in demanded if not each.marker or each.marker.evaluate(here)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_lock_names_all_that_the_client_needs(system: str, version: str) -> None:
    environment = SYSTEMS[system] | {
        "python_version": version,
        "python_full_version": f"{version}.1",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    assert locked(environment) == set(needed(environment)) - {"signotaur-action"}


PIP = os.environ | {
    "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(Path("~/.cache/pip").expanduser()))
}
"""Variables with which pip finds what it has downloaded before."""
QUIET_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


def run(*command: str | Path, env: Mapping[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel(folder: Path) -> Path:
    """Build the wheel of a copy of the repository."""
    source = folder / "source"
    shutil.copytree(
        ROOT / "entrypoint",
        source / "entrypoint",
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(
        *(sys.executable, *QUIET_PIP, "wheel", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", folder, source),
        env=PIP,
    )
    (built,) = folder.glob("*.whl")
    return built


def is_the_client(python: Path) -> bool:
    """Return whether an environment has the client, and no part of the server."""
    program = python.with_name("signotaur-action")
    environment = {"PATH": os.environ["PATH"]}
    assert run(program, "--version", env=environment).startswith("signotaur-action ")
    assert "rotate-key" in run(program, "--help", env=environment)
    assert "--write-key-file" in run(program, "rotate-key", "--help", env=environment)
    server = subprocess.run([python, "-c", "import sqlalchemy"], capture_output=True, check=False)
    return b"ModuleNotFoundError" in server.stderr


def test_the_client_installs_by_the_manual_and_as_a_wheel(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    script = block("python3 -m venv").replace("python3", sys.executable, 1)
    run("bash", "-euc", f"cd '{ROOT}'\n{script}", env=PIP | {"HOME": str(home)})
    python = home / "signotaur" / "bin" / "python"
    assert is_the_client(python)

    run(python, *QUIET_PIP, "uninstall", "--yes", "signotaur-action", env=PIP)
    # Without an index: what the project needs is what the lock brought.
    run(python, *QUIET_PIP, "install", "--no-index", wheel(tmp_path), env=PIP)
    assert is_the_client(python)
