"""What is printed reaches nobody in the job of another CI system, so it is refused there.

The attack is an honest mistake: ``continua:``, ``azure:``, ``teamcity:`` or ``template:`` in a
GitHub job ended with exit 0 and the old key's end armed, and the only copy of the new key was a
masked line in the log. Now it ends with 11, before anything is sent.
"""

from pathlib import Path

import pytest

from contract.harness import SinkHarness
from signotaur_action.errors import DestinationRefusedError, ExitCode
from signotaur_action.sinks import emitter
from signotaur_action.sinks.stdout import StdoutSink

JOBS = {
    "GitHub Actions": {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "42"},
    "Azure Pipelines": {"TF_BUILD": "True", "BUILD_BUILDID": "42"},
    "TeamCity": {"TEAMCITY_VERSION": "2026.1", "BUILD_NUMBER": "42"},
    "GitLab CI/CD": {"CI": "true", "GITLAB_CI": "true", "CI_PIPELINE_ID": "42"},
    "Buildkite": {"CI": "true", "BUILDKITE": "true", "BUILDKITE_BUILD_ID": "42"},
    "Jenkins": {"JENKINS_URL": "https://jenkins.example.com/", "BUILD_NUMBER": "42"},
}
"""What each system's documentation says it always sets."""

NOWHERE = {
    "a shell": {},
    "a container of Continua CI": {"SIGNOTAUR_STATE_DIR": "/state", "HOME": "/root"},
    "empty variables": dict.fromkeys(("GITHUB_ACTIONS", "TF_BUILD", "GITLAB_CI", "BUILDKITE"), ""),
    "no GitHub job": {"GITHUB_ACTIONS": "false", "GITHUB_TOKEN": "x", "CI": "true"},
}
"""Where no CI system is recognized. A container gets only the variables that it is given."""

READERS = {
    "continua:serverVar=A": "Continua CI",
    "continua:buildVar=A": "Continua CI",
    "azure:A": "Azure Pipelines",
    "azure:A,output=true": "Azure Pipelines",
    "teamcity:env.A": "TeamCity",
}
"""The system that each message is for."""

NAMES = {
    "continua:serverVar=A": "Continua CI serverVar A",
    "continua:buildVar=A": "Continua CI buildVar A",
    "azure:A": "Azure Pipelines variable A",
    "azure:A,output=true": "Azure Pipelines variable A",
    "teamcity:env.A": "TeamCity parameter env.A",
    "template:{{secret}}": "stdout (template)",
    "stdout": "stdout",
}
TEXTS = ("template:{{secret}}", "stdout")
"""What a script may take from stdout, except in a GitHub job."""

MATRIX = [(message, job) for message in [*READERS, *TEXTS] for job in JOBS]


def refusal(message: str, environ: dict[str, str], folder: Path) -> DestinationRefusedError | None:
    """Return why a destination is refused, or None."""
    place = SinkHarness(folder)
    place.environ = environ
    context = place.context()
    sink = StdoutSink(context) if message == "stdout" else emitter(message, context)
    try:
        assert sink.check() == []
    except DestinationRefusedError as refused:
        return refused
    finally:
        assert place.printed == []
    return None


@pytest.mark.parametrize(("message", "job"), MATRIX)
def test_a_message_is_for_its_own_system_alone(message: str, job: str, tmp_path: Path) -> None:
    refused = refusal(message, JOBS[job], tmp_path)
    if job == READERS.get(message) or (message in TEXTS and job != "GitHub Actions"):
        assert refused is None
    else:
        assert refused is not None
        assert refused.code is ExitCode.DESTINATION_REFUSED
        assert f"{NAMES[message]} cannot be used in a job of {job}: " in refused.what
        assert refused.what.endswith("so the new key would be lost.")
        assert "vault, command, --write-key-file or --write-env-file" in refused.next


@pytest.mark.parametrize("world", NOWHERE)
@pytest.mark.parametrize("message", [*READERS, *TEXTS])
def test_where_no_system_is_recognized_all_may_be_printed(
    message: str, world: str, tmp_path: Path
) -> None:
    assert refusal(message, NOWHERE[world], tmp_path) is None


@pytest.mark.parametrize("message", READERS)
def test_a_github_job_masks_the_key_whatever_else_is_set(message: str, tmp_path: Path) -> None:
    every = {name: value for job in JOBS.values() for name, value in job.items()}
    assert refusal(message, every, tmp_path) is not None


@pytest.mark.parametrize("message", READERS)
def test_a_job_inside_the_job_of_another_system_is_still_read(message: str, tmp_path: Path) -> None:
    """An agent may itself run in a job, and passes that job's variables on."""
    outer = JOBS["Jenkins"] | JOBS["GitLab CI/CD"]
    inner = JOBS.get(READERS[message])
    if inner is not None:
        assert refusal(message, outer | inner, tmp_path) is None


@pytest.mark.parametrize(
    ("job", "works"),
    [
        ("GitHub Actions", "github-secret, github-output (for later steps of this job), vault"),
        ("GitLab CI/CD", "works there: gitlab-var, vault"),
        ("Buildkite", "works there: buildkite-secret, vault"),
        ("Jenkins", "works there: jenkins-credential, vault"),
    ],
)
def test_the_next_step_names_what_works_there(job: str, works: str, tmp_path: Path) -> None:
    refused = refusal("continua:serverVar=A", JOBS[job], tmp_path)
    assert refused is not None
    assert works in refused.next
