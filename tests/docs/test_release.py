"""The way to a release: from main alone, on a base named by digest, and no token is shown."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.git_site import git_site
from signotaur_action.workflows.answers import CALLED
from signotaur_wire.version import VERSION

ROOT = Path(__file__).parents[2]
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
TOKEN = "ghs_the-token-of-the-job"
REPOSITORY = "acme/app"


def step(job: str, name: str) -> dict[str, Any]:
    """Return a job's step by the begin of its name."""
    [found] = [each for each in JOBS[job]["steps"] if each["name"].startswith(name)]
    return dict(found)


def run(
    script: str, env: Mapping[str, str], cwd: Path, prefix: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a step's script as its runner does."""
    return subprocess.run(
        [*prefix, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_may_write_runs_in_the_environment_after_the_check() -> None:
    writing = {name for name, job in JOBS.items() if "write" in job["permissions"].values()}
    assert writing == {"image", "tag", "release", "pypi"}
    assert {JOBS[name]["environment"] for name in writing} == {"release"}
    needs = {name: job.get("needs") for name, job in JOBS.items()}
    assert needs == {
        "check": None,
        "wheel": "check",
        "image": "check",
        "tag": ["wheel", "image"],
        "release": "tag",
        "pypi": "release",
    }


def test_the_image_is_published_with_sbom_and_provenance() -> None:
    """Nothing else in the repository makes a list of what the image has."""
    options = step("image", "Build and push by digest")["run"].split()
    assert {"--sbom=true", "--provenance=mode=max"} <= set(options)


@pytest.mark.parametrize(
    ("ref", "protected", "ends"),
    [
        ("refs/heads/main", "true", 0),
        ("refs/heads/main", "false", 1),
        ("refs/heads/feature", "true", 1),
        ("refs/tags/main", "true", 1),
    ],
)
def test_other_branches_are_refused(ref: str, protected: str, ends: int, tmp_path: Path) -> None:
    """Whoever may push a branch could release what nobody has read."""
    first = JOBS["check"]["steps"][0]
    env = {"GITHUB_REF": ref, "GITHUB_REF_PROTECTED": protected}
    assert run(first["run"], env, tmp_path).returncode == ends


def test_base_image_is_named_by_digest(tmp_path: Path) -> None:
    """What is tested, both platforms and the label have the same base."""
    digest = f"sha256:{'a' * 64}"
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        '#!/bin/sh\n[ "$1 $2 $3 $4" = "buildx imagetools inspect debian:trixie-slim" ] || exit 1\n'
        f"echo {digest}\n"
    )
    docker.chmod(0o755)
    shutil.copy(ROOT / "Dockerfile", tmp_path)
    output = tmp_path / "output"
    env = {"PATH": f"{docker.parent}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(output)}

    done = run(step("check", "Name the base")["run"], env, tmp_path)

    assert done.returncode == 0, done.stderr
    assert output.read_text() == f"image=debian:trixie-slim@{digest}\n"
    assert JOBS["check"]["outputs"]["base"] == "${{ steps.base.outputs.image }}"
    assert step("check", "Check and test")["env"] == {"BASE": "${{ steps.base.outputs.image }}"}
    build = step("image", "Build and push")
    assert build["env"]["BASE"] == "${{ needs.check.outputs.base }}"
    assert '--build-arg BASE="$BASE"' in build["run"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_token_is_in_no_argument(tmp_path: Path) -> None:
    """Every process of the machine can read arguments. Before, the token was in the URL there."""
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")
    served = tmp_path / "served" / REPOSITORY
    subprocess.run(["git", "init", "--quiet", "--bare", served], check=True)
    clone = tmp_path / "clone"
    subprocess.run(["git", "init", "--quiet", clone], check=True)
    for name in ("action.yml", "packaging/release-action", CALLED):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    subprocess.run([*git, "add", "."], cwd=clone, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "First"], cwd=clone, check=True)
    trace = tmp_path / "trace"

    with git_site(tmp_path / "served", TOKEN) as url:
        done = run(
            step("tag", "Tag a commit")["run"],
            {
                "IMAGE": f"registry.example/app@sha256:{'a' * 64}",
                "VERSION": "0.1.0",
                "TOKEN": TOKEN,
                "GITHUB_SERVER_URL": url,
                "GITHUB_REPOSITORY": REPOSITORY,
                "GIT_TERMINAL_PROMPT": "0",
            },
            clone,
            ("strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve", "-o", str(trace)),
        )

    assert done.returncode == 0, done.stderr
    for name, begin in (("action.yml", "image"), (CALLED, "uses")):
        shown = subprocess.check_output(["git", "show", f"v0.1.0:{name}"], cwd=served, text=True)
        assert f"{begin}: docker://registry.example/app@sha256:" in shown
    started = re.findall(r'execve\("([^"]+)", (\[.*?\]),', trace.read_text())
    assert "push" in str(started)
    assert TOKEN not in str(started) + done.stdout + done.stderr


# Wheel, SBOM, and the GitHub Release


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What ``packaging/release-assets`` makes, twice."""
    first, second = (tmp_path_factory.mktemp("assets") for _ in range(2))
    for folder in (first, second):
        subprocess.run([ROOT / "packaging/release-assets", folder], cwd=ROOT, check=True)
    return first, second


def test_the_same_commit_gives_the_same_wheel_and_sbom(assets: tuple[Path, Path]) -> None:
    first, second = (
        {each.name: each.read_bytes() for each in folder.iterdir()} for folder in assets
    )
    assert first == second
    assert sorted(first) == [
        f"signotaur_action-{VERSION}-py3-none-any.whl",
        f"signotaur_action-{VERSION}.cdx.json",
    ]


def test_the_sbom_lists_what_the_wheels_lock_file_installs(assets: tuple[Path, Path]) -> None:
    [path] = assets[0].glob("*.cdx.json")
    sbom = json.loads(path.read_text())
    locked = re.findall(
        r"^([\w-]+)==(\S+)", (ROOT / "requirements/runtime.txt").read_text(), re.MULTILINE
    )
    assert [(each["name"], each["version"]) for each in sbom["components"]] == locked
    assert sbom["metadata"]["component"]["name"] == "signotaur-action"


def test_the_release_is_a_draft_until_every_file_is_there(tmp_path: Path) -> None:
    """Its notes are the changelog's section, and its checksums those of the files."""
    changelog = (ROOT / "CHANGELOG.md").read_text().replace("## [Unreleased]", f"## [{VERSION}]")
    (tmp_path / "CHANGELOG.md").write_text(f"{changelog}\n## [0.0.1]\n\nAn old release.\n")
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in ("a.whl", "a.cdx.json", "a-amd64.spdx.json"):
        (folder / name).write_text(name)
    tool = tmp_path / "bin" / "gh"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/calls\n')
    tool.chmod(0o755)
    env = {"PATH": f"{tool.parent}:{os.environ['PATH']}", "VERSION": VERSION}

    assert run(step("release", "Write the checksums")["run"], env, folder).returncode == 0
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert run(step("release", "Publish")["run"], env, tmp_path).returncode == 0

    create, publish = (tmp_path / "calls").read_text().splitlines()
    assert create.startswith(f"release create v{VERSION} --draft --verify-tag ")
    assert create.endswith(
        "assets/SHA256SUMS assets/a-amd64.spdx.json assets/a.cdx.json assets/a.whl"
    )
    assert publish == f"release edit v{VERSION} --draft=false"
    notes = (tmp_path / "notes.md").read_text()
    assert notes.strip() in changelog
    assert "- " in notes
    assert "## [" not in notes


def test_what_is_published_is_attested() -> None:
    attested = {
        (name, *sorted(each["with"]))
        for name, job in JOBS.items()
        for each in job["steps"]
        if each.get("uses", "").startswith("actions/attest@")
    }
    image = ("create-storage-record", "push-to-registry")
    assert attested == {
        ("image", *image, "sbom-path", "subject-digest", "subject-name"),
        ("tag", *image, "subject-digest", "subject-name"),
        ("release", "subject-checksums"),
        ("release", "sbom-path", "subject-path"),
    }


def test_pypi_gets_the_wheel_alone_and_no_token() -> None:
    get, publish = JOBS["pypi"]["steps"]
    assert get["with"] == {"name": "wheel", "path": "dist"}
    assert publish["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert "with" not in publish
    assert JOBS["pypi"]["permissions"] == {"id-token": "write"}
