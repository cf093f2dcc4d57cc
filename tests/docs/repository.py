"""A repository on GitHub whose workflows run: real steps, a real key server, GitHub's stand-in.

Every job begins on a fresh machine and reads the environment's secrets when it starts, as GitHub
documents ("When GitHub Actions reads secrets"), so a secret that one job stores the next one has.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from docs.pages import ROOT
from docs.workflows import Job
from signotaur_action.workflows.answers import CALLED
from support.client import BARE
from support.keyserver import KeyServer
from support.providers.github import GitHub

NAME = "acme/app"
ENVIRONMENT = "signing"
SECRET = "SIGNOTAUR_API_KEY"
PLACE = f"repos/{NAME}/environments/{ENVIRONMENT}"
ROTATION_TOKEN = "github_pat_rotation"
JOB_TOKEN = "ghs_of_the_job"
APP, APP_KEY, APP_TOKEN = "Iv23liApp", "the key of the App", "ghs_of_the_app"
BIN = Path(sys.executable).parent
PLACEHOLDER = "https://signotaur.example.com"


@dataclass
class JobResult:
    """How a job ended: the first exit code that is not 0, or ``skipped``."""

    result: str
    code: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""


class Repository:
    """One repository with an environment, its secrets, and a folder of its machines."""

    def __init__(self, folder: Path, server: KeyServer, github: GitHub, key_name: str) -> None:
        self.folder = folder
        self.server = server
        self.github = github
        self.key_name = key_name
        self.runs = 0
        self.has_app = False
        """Whether a GitHub App is set up. The personal token is not there then."""
        self.sign = 'printf %s "$SIGNOTAUR_API_KEY" >"$SIGNED"\n'
        github.add_repository(NAME, environments=[ENVIRONMENT])
        github.add_token(ROTATION_TOKEN, permissions={"environments": "write"}, repositories=[NAME])
        self._tools = folder / "tools"
        self._tools.mkdir()
        gh = self._tools / "gh"
        gh.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent}/gh.py "$@"\n')
        gh.chmod(0o755)

    def new_key(self, expires_in: str) -> str:
        """Return a fresh key of the server."""
        return self.server.add_key(name=self.key_name, expires_in=expires_in)

    def add_key(self, expires_in: str) -> str:
        """Store a fresh key as the environment's secret, and return it."""
        self.secret = self.new_key(expires_in)
        return self.secret

    @property
    def keys(self) -> list[dict[str, Any]]:
        """What the server tells of this repository's keys, oldest first."""
        return [each for each in self.server.keys() if each["name"] == self.key_name]  # noqa: SIM118

    @property
    def secret(self) -> str:
        """The key, as a job that starts now gets it."""
        return self.github.secret("actions", PLACE, SECRET) or ""

    @secret.setter
    def secret(self, key: str) -> None:
        self.github.put_secret("actions", PLACE, SECRET, key)

    @property
    def signed_with(self) -> str:
        """The key that the last signing command was given."""
        path = self.folder / "signed"
        return path.read_text() if path.exists() else ""

    def run(
        self, text: str, event: str = "schedule", branch: str = "main", **inputs: str
    ) -> dict[str, JobResult]:
        """Run a workflow; ``inputs`` are those of a start by hand, ``dry_run="true"`` say."""
        self.runs += 1
        workflow = yaml.safe_load(text.replace(PLACEHOLDER, self.server.url))
        declared = (workflow[True].get("workflow_dispatch") or {}).get("inputs", {})
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert set(given) <= set(declared)
        values = {f"inputs.{name}": given.get(name, "") for name in declared} | {
            "cancelled()": "false",
            "github.event_name": event,
            "github.event.repository.default_branch": "main",
            "github.ref_name": branch,
            "github.token": JOB_TOKEN,
            "vars.ROTATION_APP_CLIENT_ID": APP if self.has_app else "",
            "vars.SIGNOTAUR_SERVER": self.server.url,
        }
        done: dict[str, JobResult] = {}
        for name, job in workflow["jobs"].items():
            done[name] = self._job(name, job, values, done, workflow["permissions"])
        return done

    def _job(
        self,
        name: str,
        job: dict[str, Any],
        values: Mapping[str, str],
        done: Mapping[str, JobResult],
        permissions: Mapping[str, str],
    ) -> JobResult:
        needed = {each: done[each] for each in _names(job.get("needs", []))}
        machine = self._machine(name, {**values, **_of_the_needed(needed)})
        may_start = all(each.result == "success" for each in needed.values())
        if "if" in job:
            # A condition without cancelled() and its like holds after success alone.
            demands_success = not re.search(r"\b(cancelled|always|failure)\(\)", job["if"])
            may_start = machine.value(job["if"]) == "true" and (may_start or not demands_success)
        if not may_start:
            return JobResult("skipped")
        if "uses" in job:
            return self._call(name, job, machine)
        return self._run(machine, job, permissions)

    def _call(self, name: str, job: dict[str, Any], caller: Job) -> JobResult:
        """Run the one job of the workflow that comes with the action, with what a job passes."""
        workflow = yaml.safe_load((ROOT / CALLED).read_text())
        declared = workflow[True]["workflow_call"]["inputs"]
        assert set(job["with"]) <= set(declared)
        passed = {each: caller.filled(str(value)) for each, value in job["with"].items()}
        inputs = {
            f"inputs.{each}": passed.get(each, str(declared[each].get("default", "")).lower())
            for each in declared
        }
        machine = self._machine(f"{name}-called", {**caller.values, **inputs})
        values = {
            each: value
            for each, value in machine.values.items()
            if not each.startswith("secrets.") or each.removeprefix("secrets.") in job["secrets"]
        }
        [called] = workflow["jobs"].values()
        return self._run(replace(machine, values=values), called, {})

    def _run(self, machine: Job, job: dict[str, Any], permissions: Mapping[str, str]) -> JobResult:
        self.github.add_token(
            JOB_TOKEN,
            kind="job",
            permissions=dict(job.get("permissions", permissions)),
            repositories=[NAME],
        )
        code = machine.run(job["steps"])
        outputs = {each: machine.filled(text) for each, text in job.get("outputs", {}).items()}
        return JobResult("failure" if code else "success", code, outputs, machine.log)

    def _machine(self, name: str, values: dict[str, str]) -> Job:
        folder = self.folder / f"run-{self.runs}-{name}"
        folder.mkdir()
        sign = folder / "sign.sh"
        sign.write_text(f"#!/bin/sh\n{self.sign}")
        sign.chmod(0o755)
        secrets = {
            f"secrets.{SECRET}": self.secret,
            "secrets.ROTATION_APP_KEY": APP_KEY if self.has_app else "",
            "secrets.ROTATION_TOKEN": "" if self.has_app else ROTATION_TOKEN,
        }
        env = {
            **BARE,
            "SIGNOTAUR_CA_FILE": str(self.server.ca_file),
            "SIGNED": str(self.folder / "signed"),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_RUN_ID": str(1000 + self.runs),
            "GITHUB_JOB": name,
        }
        return Job(folder, {**values, **secrets}, env, f"{self._tools}:{BIN}", self._app_token)

    def _app_token(self, client: str, key: str, permissions: Mapping[str, str]) -> str:
        assert (client, key) == (APP, APP_KEY)
        self.github.add_token(APP_TOKEN, permissions=permissions, repositories=[NAME])
        return APP_TOKEN


def _names(needs: str | list[str]) -> list[str]:
    return [needs] if isinstance(needs, str) else needs


def _of_the_needed(needed: Mapping[str, JobResult]) -> dict[str, str]:
    return {
        f"needs.{job}.outputs.{name}": value
        for job, result in needed.items()
        for name, value in result.outputs.items()
    }
