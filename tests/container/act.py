"""Workflows as act runs them, the engine of Gitea's and Forgejo's runners.

https://github.com/nektos/act. It reads workflows and actions, evaluates expressions, keeps
secrets out of its log and starts containers by code of its own. Where it differs from GitHub:

- It has no environments: every job gets every secret, as it was when the run started. So a job
  does not see what an earlier job stored, and rotate-deferred.yml cannot be run by it.
- GITHUB_RUN_ID is 1 in every run, and RUNNER_TEMP is /tmp of the job's container.
- A container action shares the network and the volumes of its job's container.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import docker
import yaml

from docs.pages import ROOT
from signotaur_action.workflows.answers import CALLED, PLACEHOLDER_IMAGE
from support.container import ACTION_IMAGE
from support.keyserver import KeyServer
from support.providers.github import GitHub
from support.tls import Authority

ACT = Path(sys.executable).parent / "act"
OWN = "OWNER/signotaur-action@0000000000000000000000000000000000000000"
"""How the examples name the action."""
BUILT = [f"act-{OWN.lower().replace('/', '-').replace('@', '-')}-dockeraction", "act-dockeraction"]
"""What act calls the action's image: by its name, and as ``./``."""
APP_ACTION = "actions/create-github-app-token@bcd2ba49218906704ab6c1aa796996da409d3eb1"
"""It is not run here, but act reads it. The repository has a personal token."""
JOB_IMAGE = "debian:trixie-slim"
HERE = "-self-hosted"
"""The job's machine is this one, without a container. Container actions cannot run there."""
PLACEHOLDER = "https://signotaur.example.com"
SECONDS = 600
"""For what hangs."""


class Act:
    """A repository of GitHub's stand-in on this machine. ``run`` gives its workflows to act."""

    def __init__(self, folder: Path, server: KeyServer, authority: Authority) -> None:
        self.folder = folder / "app"
        self.server = server
        self.github = GitHub(prefix="/api/v3", tls=authority.issue())
        self.secrets: dict[str, str] = {}
        self._home = folder / "home"
        self._action = folder / "signotaur-action"
        self._app = folder / "create-github-app-token"
        for place in (self.folder, self._home, self._action, self._app):
            place.mkdir()
        (self._app / "action.yml").write_text("name: App\nruns: {using: composite, steps: []}\n")
        (self._action / CALLED).parent.mkdir(parents=True)
        for part in ("action.yml", "Dockerfile", "cli", "entrypoint", "requirements", CALLED):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
            copy(ROOT / part, self._action / part)
        self._authorities = self.folder / "authorities.pem"
        self._authorities.write_bytes(server.ca_file.read_bytes() + authority.ca_file.read_bytes())
        sign = self.folder / "sign.sh"
        sign.write_text('#!/bin/sh\nprintf %s "$SIGNOTAUR_API_KEY" >"$SIGNED"\n')
        sign.chmod(0o755)
        host = self.github.url.removeprefix("https://").removesuffix("/api/v3")
        self._host = host
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("remote", "add", "origin", f"https://{host}/acme/app.git")

    @property
    def signed_with(self) -> str:
        """The key that the signing command was given."""
        path = self.folder / "signed"
        return path.read_text() if path.exists() else ""

    def run(
        self,
        workflow: str,
        event: str = "push",
        *,
        machine: str = JOB_IMAGE,
        env: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run a workflow for an event; return act's exit code and its log.

        ``machine`` is the image of the job's container, or ``HERE``.
        """
        self._write_workflow(workflow)
        payload = self._home / "event.json"
        payload.write_text(json.dumps({"repository": {"default_branch": "main"}}))
        secrets = self._home / "secrets"
        secrets.touch(mode=0o600)
        secrets.write_text("".join(f"{name}={value}\n" for name, value in self.secrets.items()))
        variables = {
            "SIGNOTAUR_CA_FILE": str(self._authorities),
            "SIGNED": str(self.folder / "signed"),
            **(env or {}),
        }
        done = subprocess.run(
            [
                ACT,
                event,
                f"--platform=ubuntu-latest={machine}",
                f"--platform=self-hosted={machine}",
                f"--local-repository={OWN}={self._action}",
                f"--local-repository={APP_ACTION}={self._app}",
                f"--github-instance={self._host}",
                f"--eventpath={payload}",
                f"--secret-file={secrets}",
                f"--var=SIGNOTAUR_SERVER={self.server.url}",
                *(["--bind"] if machine != HERE else []),  # there it would hide the checkout
                "--rm",  # the container of a job that fails would stay
                "--pull=false",
                "--rebuild=false",
                "--no-cache-server",
                *(f"--env={name}={value}" for name, value in variables.items()),
            ],
            cwd=self.folder,
            env={"PATH": f"{ACT.parent}:{os.environ['PATH']}", "HOME": str(self._home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout

    def _write_workflow(self, workflow: str) -> None:
        text = workflow.replace(PLACEHOLDER, self.server.url)
        text = text.replace(PLACEHOLDER_IMAGE, f"docker://{ACTION_IMAGE}")
        assert yaml.safe_load(text)
        folder = self.folder / ".github" / "workflows"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "workflow.yml").write_text(text)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message=a workflow")

    def _git(self, *arguments: str) -> None:
        author = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
        subprocess.run(["git", *author, *arguments], cwd=self.folder, check=True, timeout=60)


def name_the_image(engine: docker.DockerClient) -> None:
    """Give act the image that ``make image`` built from the same Dockerfile.

    act would build it by the engine's older builder, without the layers that are there.
    """
    image = engine.images.get(ACTION_IMAGE)
    for name in BUILT:
        image.tag(name, "latest")
