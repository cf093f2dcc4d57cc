"""Which CI system runs this process, and how it names the run. Reads an environment, only."""

from collections.abc import Mapping
from pathlib import Path

from signotaur_action.ci_text import inert_value
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
    """Return the folders for a journal that stands beside no file, best first."""
    folders = [Path(environ["RUNNER_TEMP"])] if environ.get("RUNNER_TEMP") else []
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return folders + ([Path(home, ".signotaur", "rotations")] if home else [])


def _printable(text: str) -> str:
    return inert_value("".join(character for character in text if character.isprintable()))[
        :HOLDER_MAX_LENGTH
    ]
