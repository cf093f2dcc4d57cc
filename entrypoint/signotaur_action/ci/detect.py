"""Which CI system runs this process, and how it names the run. Reads an environment, only."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from signotaur_action.ci.text import escape_untrusted
from signotaur_wire.limits import HOLDER_MAX_LENGTH

_RUN_NAMES = (
    # What stays the same when a failed job is run again; the attempt's number must not be in it.
    ("GITHUB_RUN_ID", ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_JOB")),
    ("CI_PIPELINE_ID", ("CI_PROJECT_URL", "CI_PIPELINE_ID", "CI_JOB_NAME")),
    ("BUILD_BUILDID", ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID")),
    ("TEAMCITY_VERSION", ("TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER")),
    ("JENKINS_URL", ("JENKINS_URL", "JOB_NAME", "BUILD_NUMBER")),
    ("BUILDKITE_BUILD_ID", ("BUILDKITE_BUILD_URL", "BUILDKITE_LABEL")),
)


class System(StrEnum):
    """A CI system, by its name. Continua CI sets no variable, so a job of it is not recognized."""

    GITHUB = "GitHub Actions"
    AZURE = "Azure Pipelines"
    TEAMCITY = "TeamCity"
    GITLAB = "GitLab CI/CD"
    BUILDKITE = "Buildkite"
    JENKINS = "Jenkins"
    CONTINUA = "Continua CI"


_MARKERS = {
    "TF_BUILD": System.AZURE,
    "TEAMCITY_VERSION": System.TEAMCITY,
    "GITLAB_CI": System.GITLAB,
    "BUILDKITE": System.BUILDKITE,
    "JENKINS_URL": System.JENKINS,
}
"""The variable that each system's documentation names as always set in a job."""


def systems(environ: Mapping[str, str]) -> list[System]:
    """Return the CI systems whose job this process is in; none at a shell, GitHub first."""
    found = [system for variable, system in _MARKERS.items() if environ.get(variable)]
    return [System.GITHUB, *found] if under_github(environ) else found


def under_github(environ: Mapping[str, str]) -> bool:
    """Return whether a GitHub runner reads this process's output."""
    return environ.get("GITHUB_ACTIONS") == "true"


def run_name(environ: Mapping[str, str]) -> str | None:
    """Return a name that this CI run and its re-runs share; None outside a known CI system."""
    for marker, names in _RUN_NAMES:
        if environ.get(marker):
            parts = [environ[name] for name in names if environ.get(name)]
            return _printable(" ".join(parts))
    return None


def journal_folders(environ: Mapping[str, str]) -> list[Path]:
    """Return the folders for a journal that is not beside a file, best first."""
    folders = [Path(environ["RUNNER_TEMP"])] if environ.get("RUNNER_TEMP") else []
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return folders + ([Path(home, ".signotaur", "rotations")] if home else [])


def _printable(text: str) -> str:
    return escape_untrusted("".join(character for character in text if character.isprintable()))[
        :HOLDER_MAX_LENGTH
    ]
