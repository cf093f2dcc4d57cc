"""Reads the jobs out of the examples for other systems, and runs them as those systems do.

Each function knows the few forms that our examples use; another form is a test failure.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE_SERVER = "https://signotaur.example.com"


class Ran(NamedTuple):
    """How a job ended, and what its log got."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err


def run(words: Sequence[str], env: Mapping[str, str], folder: Path) -> Ran:
    """Run a program in a folder, with these variables alone."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def read(example: str, server: str = EXAMPLE_SERVER) -> str:
    """Return an example, with a key server's real address."""
    text = (EXAMPLES / example).read_text()
    return text.replace(EXAMPLE_SERVER, server)


def read_yaml(example: str, server: str = EXAMPLE_SERVER) -> dict[str, Any]:
    """Return an example that is YAML."""
    loaded: dict[str, Any] = yaml.safe_load(read(example, server))
    return loaded


# PowerShell: about_Quoting_Rules, about_Arrays, about_Splatting, about_Environment_Variables


class PowerShellCall(NamedTuple):
    """The one program that a script of our form starts."""

    words: list[str]
    environ: dict[str, str]


def powershell(script: str) -> PowerShellCall:
    """Return what a script starts that sets variables, then a list of words, and then runs it.

    A text in single quotes is what it says: nothing in it is replaced.
    """
    lines = [line for line in script.splitlines() if not line.startswith("#")]
    stop, *lines = lines
    assert re.fullmatch(r"\$ErrorActionPreference = 'Stop'(?: #.*)?", stop), stop
    environ = {}
    while (match := re.fullmatch(r"\$env:(\w+) = '([^']*)'", lines[0])) is not None:
        environ[match[1]] = match[2]
        del lines[0]
    opening, *words, closing, call, last = lines
    assert (opening, closing) == ("$arguments = @(", ")")
    assert all(re.fullmatch(r"    '[^']*'(?:, '[^']*')*", line) for line in words), words
    program = re.fullmatch(r"& '([^']*)' @arguments", call)
    assert program is not None, call
    assert last == "exit $LASTEXITCODE"
    listed = [word for line in words for word in re.findall(r"'([^']*)'", line)]
    return PowerShellCall([program[1], *listed], environ)


# GitLab: https://docs.gitlab.com/ci/jobs/job_rules/, /ci/variables/


def gitlab_job(
    pipeline: Mapping[str, Any], variables: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """Return the name of the one job whose rules let it into the pipeline, and the job."""
    jobs = {name: job for name, job in pipeline.items() if "script" in job}
    [found] = [
        (name, job)
        for name, job in jobs.items()
        if any(_rule_holds(rule["if"], variables) for rule in job["rules"])
    ]
    return found


def run_gitlab(pipeline: Mapping[str, Any], env: Mapping[str, str], folder: Path) -> Ran:
    """Run the script of the one job that these variables let in."""
    name, job = gitlab_job(pipeline, env)
    variables = pipeline["variables"] | job["variables"] | {"CI_JOB_NAME": name}
    return run(["sh", "-e", "-c", "\n".join(job["script"])], variables | dict(env), folder)


def _rule_holds(rule: str, variables: Mapping[str, str]) -> bool:
    terms = re.findall(r'\$(\w+) (==|!=) "([^"]*)"', rule)
    assert " && ".join(f'${name} {sign} "{value}"' for name, sign, value in terms) == rule
    return all((variables.get(name) == value) == (sign == "==") for name, sign, value in terms)


# Azure Pipelines: https://learn.microsoft.com/azure/devops/pipelines/process/variables,
# /pipelines/scripts/logging-commands

_SET_VARIABLE = re.compile(r"##vso\[task\.setvariable variable=([\w.]+);issecret=true\](\S+)\n")


class AzureJob:
    """A job's variables; secret ones reach a script by ``env`` alone."""

    def __init__(self, variables: Mapping[str, str], vault: Path) -> None:
        self.secrets: dict[str, str] = {}
        self._variables = variables
        self._vault = vault

    def run(self, steps: Sequence[dict[str, Any]], env: Mapping[str, str], folder: Path) -> Ran:
        """Run steps in order, until one fails."""
        done = Ran(0, "", "")
        for step in steps:
            if step == {"checkout": "none"}:
                continue
            if step.get("task") == "AzureKeyVault@2":
                self._download(step["inputs"])
                continue
            ran = self._script(step, env, folder)
            self.secrets |= dict(_SET_VARIABLE.findall(ran.out))
            done = Ran(ran.code, done.out + ran.out, done.err + ran.err)
            if done.code:
                break
        return done

    def _download(self, inputs: Mapping[str, str]) -> None:
        for name in inputs["SecretsFilter"].split(","):
            self.secrets[name] = (self._vault / inputs["KeyVaultName"] / name).read_text()

    def _script(self, step: dict[str, Any], env: Mapping[str, str], folder: Path) -> Ran:
        script = step.get("bash")
        if script is None:
            inputs = step["inputs"]
            assert step["task"] == "AzureCLI@2"
            assert (inputs["scriptType"], inputs["scriptLocation"]) == ("bash", "inlineScript")
            script = inputs["inlineScript"]
        mapped = {name: self._filled(value) for name, value in step.get("env", {}).items()}
        whole = {**env, **self._variables, **mapped}
        return run(["bash", "--noprofile", "--norc", "-c", self._filled(script)], whole, folder)

    def _filled(self, text: str) -> str:
        """Replace ``$(name)``; what is no variable stays."""
        known = {**self._variables, **self.secrets}
        return re.sub(r"\$\(([\w.]+)\)", lambda macro: known.get(macro[1], macro[0]), text)


# Buildkite: https://buildkite.com/docs/pipelines/configure/step-types/command-step


def run_buildkite(
    pipeline: Mapping[str, Any],
    source: str,
    secrets: Mapping[str, str],
    env: Mapping[str, str],
    folder: Path,
) -> Ran:
    """Run the one command of a build of this source, with the secrets that it names."""
    [step] = [
        step for step in pipeline["steps"] if "command" in step and _is_for(step["if"], source)
    ]
    assert "$" not in step["command"], "it is replaced when the pipeline is uploaded"
    given = {variable: secrets[name] for variable, name in step["secrets"].items()}
    label = {"BUILDKITE_LABEL": step["label"]}
    whole = {**env, **pipeline["env"], **given, **label}
    return run(["bash", "-e", "-c", step["command"]], whole, folder)


def _is_for(condition: str, source: str) -> bool:
    whole = re.fullmatch(r'build\.source (==|!=) "(\w+)"', condition)
    assert whole, condition
    return (whole[2] == source) == (whole[1] == "==")


# systemd, as systemd.syntax(7) and systemd.service(5) tell it


def unit_settings(text: str) -> dict[str, str]:
    """Return a unit's settings by name, of whatever section; what is there twice, by lines."""
    whole = re.sub(r"\\\n\s*", " ", text)
    settings: dict[str, str] = {}
    for line in whole.splitlines():
        if line and line[0] not in "#[;":
            name, _, value = line.partition("=")
            settings[name] = f"{settings[name]}\n{value}" if name in settings else value
    return settings


def unit_command(settings: Mapping[str, str], instance: str = "") -> list[str]:
    """Return the words of ExecStart."""
    assert not re.search(r"%[^i]|(?<!\$)\$[^$]", settings["ExecStart"])
    words = shlex.split(settings["ExecStart"])
    return [word.replace("%i", instance).replace("$$", "$") for word in words]


# cron, as crontab(5) tells it


def crontab(text: str) -> tuple[dict[str, str], list[tuple[list[str], str]]]:
    """Return a crontab's variables, and its entries: five times and a command."""
    variables: dict[str, str] = {}
    entries = []
    for line in _told(text):
        if assigned := re.fullmatch(r"(\w+)=(\S*)", line):
            variables[assigned[1]] = assigned[2]
        else:
            *times, command = line.split(maxsplit=5)
            assert "%" not in command, "cron makes it the end of a line"
            entries.append((times, command))
    return variables, entries


def _told(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line and not line.startswith("#"))


def search_path(*folders: Path) -> str:
    """Return a PATH with these folders first."""
    return os.pathsep.join([*map(str, folders), os.environ["PATH"]])
