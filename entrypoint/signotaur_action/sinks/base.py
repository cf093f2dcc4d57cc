"""What every sink is made from, and the error for an invalid destination."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.ci.detect import System, systems
from signotaur_action.errors import DestinationRefusedError
from signotaur_action.http import StoreAccess
from signotaur_action.machine.clock import SystemClock
from signotaur_action.model import Secret


@dataclass(frozen=True)
class SinkContext:
    """The outside world as sinks see it."""

    emit: Callable[[str], None]
    """Writes to stdout, flushed."""
    environ: Mapping[str, str]
    follow_symlinks: bool = False
    github_token: Secret | None = None
    key_variables: Collection[str] = ()
    """Variables with a key or a token of this command: no program gets them."""
    old_key: Secret | None = None
    """The key that is rotated, if known: no program gets a variable that contains it."""
    store_access: StoreAccess | None = None
    """The way to servers; None where there is none."""
    mask_token: Callable[[Secret], None] = lambda _token: None
    """Makes the CI system hide a token that this run was given."""

    def file_of(self, variable: str) -> Path | None:
        """Return the file that a variable of the CI system names; None where it names none."""
        text = self.environ.get(variable, "")
        return Path(text) if text else None

    def secret_of(self, variable: str) -> Secret | None:
        """Return a variable's value as a secret; None if it is not set."""
        text = self.environ.get(variable, "").strip()
        return Secret(text) if text else None

    def servers(self) -> StoreAccess:
        """Return the way to servers."""
        return self.store_access or StoreAccess(self.environ, SystemClock())


class SinkError(ValueError):
    """A destination is wrong as it is written: its kind, a name, a token."""


def read_argument(kind: str, argument: str, known: Collection[str]) -> tuple[str, dict[str, str]]:
    """Split ``NAME,key=value,…`` of an ``--emit-secret``. Raises SinkError.

    Every key is one of ``known``, is given once, and has a value.
    """
    name, *rest = argument.split(",")
    settings: dict[str, str] = {}
    for part in rest:
        key, _, value = part.partition("=")
        if key not in known:
            names = ", ".join(f"{each}=…" for each in known)
            raise SinkError(f"{kind}: accepts comma-separated options after the name: {names}")
        if not value or key in settings:
            raise SinkError(f"{kind}: {key}= must be given once, with a value")
        settings[key] = value
    return name, settings


def require_name(kind: str, name: str, pattern: str, description: str) -> None:
    """Raise SinkError unless the name is of this form."""
    if not re.fullmatch(pattern, name):
        raise SinkError(f"{kind}: the value must be {description}")


_WORKS_THERE = {
    System.GITHUB: "github-secret, github-output (for later steps of this job)",
    System.AZURE: "azure, azure-devops-var",
    System.TEAMCITY: "teamcity, teamcity-param",
    System.JENKINS: "jenkins-credential",
    System.GITLAB: "gitlab-var",
    System.BUILDKITE: "buildkite-secret",
}


def require_reader(name: str, environ: Mapping[str, str], reader: System | None = None) -> None:
    """Raise DestinationRefusedError if no system would read the key that ``name`` prints on stdout.

    A GitHub job masks the key in everything that is printed. Every other CI system reads its own
    messages only; ``reader`` is the one that a message is for, None for plain text. Where no
    CI system is recognized (a shell, a container without the job's variables) all may pass.
    """
    here = systems(environ)
    if System.GITHUB in here:
        system, reason = System.GITHUB, "stdout is the job's log, and the key is masked there"
    elif reader is not None and here and reader not in here:
        system, reason = here[0], f"{here[0]} does not read messages for {reader}"
    else:
        return
    its_own = f"{_WORKS_THERE[system]}, " if system in _WORKS_THERE else ""
    raise DestinationRefusedError(
        f"{name} cannot be used in a job of {system}: {reason}, so the new key would be lost.",
        next_step=f"Choose a destination that works there: {its_own}vault, command, "
        "--write-key-file or --write-env-file.",
    )
