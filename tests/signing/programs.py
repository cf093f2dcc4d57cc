"""The installed osslsigncode under another version number, with a record of what it was asked."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """#!/bin/sh
echo "$*" >> '{log}'
{first}
if [ "$1" = --help ]; then
    '{program}' --help | sed '1s/.*/{heading}, using:/'
else
    exec '{program}' "$@"
fi
"""


@dataclass(frozen=True)
class Program:
    """One version of the program, in a folder of its own."""

    folder: Path
    log: Path

    @property
    def path(self) -> str:
        """The PATH in which it comes first."""
        return f"{self.folder}:{os.environ['PATH']}"

    def calls(self, command: str = "") -> list[str]:
        """Return the arguments of its calls since the last time; of one command if named."""
        calls = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [each for each in calls if each.startswith(command)]


def program_called(heading: str, folder: Path, first: str = "") -> Program:
    """Make a program that begins its help with ``heading``, such as ``osslsigncode 2.9``.

    ``first`` is shell code that runs before anything else; ``{program}`` in it is the real one.
    """
    folder.mkdir()
    program = Program(folder, folder / "calls")
    script = folder / "osslsigncode"
    installed = shutil.which("osslsigncode")
    values = {"log": program.log, "program": installed, "heading": heading}
    script.write_text(_SCRIPT.format(**values, first=first.format(**values)))
    script.chmod(0o755)
    return program
