"""The action for Windows and macOS: as its sister, and its steps really work, here on Linux."""

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from docs.composite import Composite
from support.keyserver import KeyServer

ROOT = Path(__file__).parents[2]
PATH = ROOT / "cli" / "action.yml"
OURS: dict[str, Any] = yaml.safe_load(PATH.read_text())
SISTER: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = OURS["runs"]["steps"]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cli_run", ROOT / "cli" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def use(tmp_path: Path, shared_server: KeyServer) -> Any:
    """One use of the action."""
    python = Path(sys.base_prefix) / "bin"
    return Composite(
        PATH,
        tmp_path,
        env={
            "PATH": f"{python}:{os.environ['PATH']}",
            "SIGNOTAUR_CA_FILE": str(shared_server.ca_file),
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_INDEX")},
        },
    )


PROOF = "hijacked"


def evil_requirement(folder: Path) -> Path:
    """Return a file that demands a wheel of the job's own, by its hash; it leaves a proof."""
    wheel = folder / "evil-1.0-py3-none-any.whl"
    about = "evil-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr("evil.pth", f"import os; open({str(folder / PROOF)!r}, 'w').close()\n")
        files.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
        files.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        files.writestr(f"{about}/RECORD", "")
    requirement = folder / "evil.txt"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirement.write_text(f"evil @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    return requirement


# As its sister


def test_inputs_are_those_of_the_action_in_a_container() -> None:
    assert OURS["inputs"] == SISTER["inputs"]
    assert list(OURS["inputs"]) == list(SISTER["inputs"])


def test_outputs_are_those_of_the_action_in_a_container() -> None:
    described = {
        name: {"description": each["description"]} for name, each in OURS["outputs"].items()
    }
    assert described == SISTER["outputs"]
    assert {name: each["value"] for name, each in OURS["outputs"].items()} == {
        name: f"${{{{ steps.posix.outputs.{name} || steps.windows.outputs.{name} }}}}"
        for name in SISTER["outputs"]
    }


def test_inputs_reach_no_script_and_each_system_has_one_step() -> None:
    assert [step["id"] for step in STEPS] == ["posix", "windows"]
    assert [step["if"] for step in STEPS] == ["runner.os != 'Windows'", "runner.os == 'Windows'"]
    for step in STEPS:
        assert step["env"] == {"SIGNOTAUR_INPUTS": "${{ toJSON(inputs) }}"}
        assert "${{" not in step["run"]
        assert " -I " in step["run"], "the workspace is never a source of modules"


# Its steps


def test_a_guard_and_a_rotation_hand_on_their_outputs(
    use: Composite, shared_server: KeyServer, fresh_name: str
) -> None:
    key = shared_server.add_key(name=fresh_name)
    use.workspace.mkdir()
    # What a hostile workspace would have the client load, were it looked at.
    for name in ("signotaur_action", "json", "pip", "sitecustomize"):
        (use.workspace / f"{name}.py").write_text("raise SystemExit('loaded from the workspace')")
    cache = use.folder / "cache"
    use.env = {
        **use.env,
        "PYTHONPATH": str(use.workspace),
        "PIP_REQUIREMENT": str(evil_requirement(use.folder)),
        "PIP_CACHE_DIR": str(cache),
    }

    code = use.run(
        {"sign-server": shared_server.url, "api-key": key, "emit-secret": "github-output"}
    )

    assert code == 0, use.log
    assert not (use.folder / PROOF).exists(), "a wheel of the job ran"
    assert not cache.exists(), "pip believes the hashes that its cache tells"
    new = use.outputs["api-key"]
    assert f"::add-mask::{new}" in use.log
    assert use.outputs["rotated"] == "true"
    assert shared_server.accepts(new)
    assert [each.name for each in use.temp.iterdir() if each.is_dir()] == []
    assert not (ROOT / "cli" / "__pycache__").exists()

    guarding = Composite(PATH, use.folder, env=use.env)
    code = guarding.run(
        {
            "command": "guard",
            "sign-server": shared_server.url,
            "api-key": new,
            "fail-if-expiring-within": "300d",
        }
    )
    assert code == 13, guarding.log
    assert guarding.outputs["state"] == "active"
    assert guarding.outputs["rotated"] in ("", "false")


def test_a_package_that_is_not_the_locked_one_is_not_installed(
    use: Composite, shared_server: KeyServer, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    for name in ("cli", "entrypoint", "requirements"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    lock = copy / "requirements" / "runtime.txt"
    lock.write_text(re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", lock.read_text()))
    use.action = copy / "cli" / "action.yml"
    assert use.run({"sign-server": shared_server.url, "api-key": "some-key-of-nobody"}) == 1
    assert "DO NOT MATCH THE HASHES" in use.log
    assert "::error::The client could not be installed" in use.log
    assert "Nothing was sent to the server" in use.log


# The program


@pytest.mark.parametrize("line", ["github-output", "github-output:api-key", "github-env:NAME", ""])
def test_outputs_that_are_handed_on(program: ModuleType, line: str) -> None:
    program.require_known_output(f"continua:serverVar=A\n  {line}  \n")


def test_an_output_that_could_not_be_handed_on_is_refused_before_anything_else(
    use: Composite,
) -> None:
    assert use.run({"emit-secret": "github-env:A\ngithub-output:mine", "api-key": "x" * 20}) == 10
    assert "use github-output" in use.log
    assert "Nothing was sent to the server" in use.log


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (2, 7)])
def test_a_python_that_is_too_old_is_named(program: ModuleType, version: tuple[int, int]) -> None:
    with pytest.raises(program.InstallError, match=r"needs Python 3\.11 or newer"):
        program.require_new_python(version)
    program.require_new_python((3, 11))


def test_inputs_become_what_a_container_would_get(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INPUT_API-KEY", "of an outer action")
    monkeypatch.setenv("INPUT_ELSE", "too")
    env = program.environment({"api-key": 'a"b\nc', "command": "guard"})
    found = {name: value for name, value in env.items() if name.startswith("INPUT_")}
    assert found == {"INPUT_API-KEY": 'a"b\nc', "INPUT_COMMAND": "guard"}


@pytest.mark.parametrize(
    "variables",
    [
        {"PIP_REQUIREMENT": "evil.txt", "PIP_TARGET": "evil", "PIP_REQUIRE_HASHES": "0"},
        {"PIP_CONFIG_FILE": "{folder}/pip/pip.conf"},
        {"XDG_CONFIG_HOME": "{folder}"},
        {"XDG_CONFIG_DIRS": "{folder}"},
        {"HOME": "{folder}"},
    ],
    ids=" ".join,
)
def test_pip_takes_sources_from_a_job_and_nothing_else(
    variables: dict[str, str], program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, each of these could have a wheel of the job's installed beside the locked ones."""
    for name in ("pip/pip.conf", ".config/pip/pip.conf", ".pip/pip.conf"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("[install]\nrequirement = evil.txt\n")
    whole = {name: value.format(folder=tmp_path) for name, value in variables.items()}
    for name, value in {"PIP_INDEX_URL": "https://mirror.example/simple", **whole}.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "environment"
    folder.mkdir()

    listed = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "config", "list"],
        env=program.installers_environment(folder),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert ":env:.index-url='https://mirror.example/simple'" in listed
    for setting in ("requirement", "target", "require-hashes"):
        assert setting not in listed


STOPPED = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import run
child = "import time; print('on', flush=True); time.sleep(60)"
sys.exit(run.run([sys.executable, "-c", child], dict(os.environ)))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_reaches_the_client_and_its_code_comes_back(
    number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-B", "-c", STOPPED, str(ROOT / "cli")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == code
