"""One start of a command: its parameters and its environment, made by ``cli`` alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from signotaur_action.ci.detect import under_github
from signotaur_action.console.console import Console
from signotaur_action.ports import Clock
from signotaur_action.settings.layers import Settings


@dataclass(frozen=True)
class Invocation:
    """The parameters of the command line, the environment, the streams and the clock."""

    given: Mapping[str, object]
    environ: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    clock: Clock

    def settings(self) -> Settings:
        """Return the settings, not yet checked."""
        return Settings(self.given, self.environ)

    def console(self, *, debug: bool) -> Console:
        """Return the console; GitHub's own debug switch counts as --debug."""
        return Console(
            self.stdout,
            self.stderr,
            github=under_github(self.environ),
            debug=debug or self.environ.get("RUNNER_DEBUG") == "1",
        )
