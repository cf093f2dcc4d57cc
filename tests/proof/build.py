"""Copies of the product that lack a rule or leak a key, to prove that the tests would see it.

The product itself has no switch for this. A build is a copy of its source with some lines
replaced, and a Python that loads the copy instead.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns

from proof.matrix import ROOT


@dataclass(frozen=True)
class Change:
    """One replacement in a source file, whose text must occur exactly once."""

    file: str
    """Below ``entrypoint``."""
    old: str
    new: str


class Build:
    """A changed copy of the product in a folder, and a Python beside it."""

    def __init__(self, folder: Path, changes: Sequence[Change]) -> None:
        self.source = folder / "entrypoint"
        copytree(ROOT / "entrypoint", self.source, ignore=ignore_patterns("__pycache__"))
        for change in changes:
            self._apply(change)
        venv.create(folder / "venv", symlinks=True)
        self.python = folder / "venv" / "bin" / "python"
        packages = next((folder / "venv").glob("lib/python*/site-packages"))
        # The lines of this file are searched in order, and files like it behind them are not read:
        # the installation of the product itself is one.
        (packages / "build.pth").write_text(f"{self.source}\n{sysconfig.get_path('purelib')}\n")

    def _apply(self, change: Change) -> None:
        file = self.source / change.file
        text = file.read_text()
        assert text.count(change.old) == 1, f"{change.file} has changed: {change.old!r}"
        file.write_text(text.replace(change.old, change.new))

    def pytest(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run tests of this repository on the build, to the first failure."""
        options = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=short")
        return subprocess.run(
            [self.python, "-m", "pytest", *options, *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/nonexistent")},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )


assert sys.prefix != sys.base_prefix, "the tests run in an environment with the libraries"
