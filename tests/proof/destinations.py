"""Every destination of the client as a place that a run may be cut at.

Files and Continua CI are in ``rotation.locations``. A store's kinds come from the contract suite,
so a store that is added there is proved here without another line.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from contract.harness import SinkCase
from contract.program import Program
from contract.store_cases import STORE_CASES
from rotation.locations import KEY, LOCATIONS, ContinuaVariable, KeyLocation
from rotation.stores import Command, Make, Store
from support.runner import parse_file


class StoreLocation(KeyLocation):
    """The key in a store from which the job reads it, too."""

    def __init__(self, make: Make, folder: Path, key: str) -> None:
        super().__init__(folder, key)
        self._destination = make(folder, key)
        self.arguments = ("-e", self._destination.text, "--state-dir", folder / "state")

    def __enter__(self) -> Self:
        self._destination.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._destination.__exit__(*raised)

    @property
    def env(self) -> dict[str, str]:
        """See ``KeyLocation``."""
        read = {"SIGNOTAUR_API_KEY": self.held(), "PATH": "/usr/bin:/bin"}
        return super().env | read | self._destination.environ

    def held(self) -> str:
        """See ``KeyLocation``."""
        return self._destination.held()

    def leftovers(self) -> list[str]:
        """See ``KeyLocation``. The store's own files are not the client's.

        A run that is killed between emptying and removing its journal leaves an empty file, which
        a run with the next key does not look for.
        """
        return [str(path) for path in self.folder.rglob("*.rotation") if path.stat().st_size]


class JobVariable(ContinuaVariable):
    """The key from a variable to one that the log of the job sets, for this job alone."""

    def __init__(self, destination: str, pattern: str, folder: Path, key: str) -> None:
        super().__init__(folder, key)
        self.arguments = ("--emit-secret", destination)
        self._pattern = re.compile(pattern, re.MULTILINE)

    def held(self) -> str:
        """See ``KeyLocation``."""
        return str([self.key, *self._pattern.findall("".join(self.printed))][-1])


class JobFile(ContinuaVariable):
    """The key from a variable to a command file of a GitHub job, for this job alone."""

    def __init__(self, destination: str, folder: Path, key: str) -> None:
        super().__init__(folder, key)
        self.arguments = ("--emit-secret", destination)
        self._file = folder / "command-file"
        self._file.touch()

    @property
    def env(self) -> dict[str, str]:
        """See ``KeyLocation``."""
        return super().env | dict.fromkeys(("GITHUB_OUTPUT", "GITHUB_ENV"), str(self._file))

    def held(self) -> str:
        """See ``KeyLocation``."""
        parsed = parse_file(self._file.read_bytes())
        assert parsed.error is None, f"torn: {parsed.error}"
        keys = [value for _, value in parsed.pairs if re.fullmatch(KEY, value)]
        return [self.key, *keys][-1]

    def _wanted(self) -> list[Path]:
        return [self._file]


def _store(case: SinkCase) -> Make:
    make = case.store
    assert make is not None
    if make is Program:
        return Command
    # All share one OpenBao, and runs go side by side here.
    beside = {"beside": True} if case.kinds == ("vault",) else {}
    return lambda _, key: Store(make(new=True, **beside), key)  # type: ignore[arg-type]


OTHERS: dict[str, Callable[[Path, str], KeyLocation]] = {
    "Continua build variable": partial(
        JobVariable,
        "continua:buildVar=Key",
        rf"^@@continua\[setBuildVariable name='Key' value='({KEY})'\]$",
    ),
    "Azure variable": partial(
        JobVariable, "azure:SIGNOTAUR_API_KEY", rf"^##vso\[task\.setvariable [^\]]*\]({KEY})$"
    ),
    "TeamCity parameter": partial(
        JobVariable,
        "teamcity:env.SIGNOTAUR_API_KEY",
        rf"^##teamcity\[setParameter name='env\.SIGNOTAUR_API_KEY' value='({KEY})'\]$",
    ),
    "template": partial(JobVariable, "template:<{{secret}}>", rf"^<({KEY})>$"),
    "GitHub output": partial(JobFile, "github-output"),
    "GitHub variable": partial(JobFile, "github-env:SIGNOTAUR_API_KEY"),
    **{
        case.name: partial(StoreLocation, _store(case))
        for case in STORE_CASES
        if case.store is not None
    },
}
"""The destinations beyond those of ``rotation.locations``."""

EVERY = LOCATIONS | OTHERS
