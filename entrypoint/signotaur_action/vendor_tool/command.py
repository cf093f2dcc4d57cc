"""Calls of SignotaurTool by its documented options. The key is never an argument."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from signotaur_action.http import ServerAddress
from signotaur_action.model import RotationIntent, Secret
from signotaur_action.program import Ended, run_program
from signotaur_action.vendor_tool.answer import template

_KEY_VARIABLE = "SIGNOTAUR_API_KEY"
_EVERYWHERE = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"}
_ON_WINDOWS = {
    *("APPDATA", "COMSPEC", "LOCALAPPDATA", "PATHEXT", "PROGRAMDATA", "PROGRAMFILES"),
    *("SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP", "USERDOMAIN", "USERNAME", "USERPROFILE"),
    "WINDIR",
}
_PASSED_ON = _EVERYWHERE | _ON_WINDOWS
"""The variables that the tool gets: what programs need, and no token of the job."""


@dataclass(frozen=True)
class ToolCommand:
    """How to call the tool for one server."""

    program: str
    """Its path, as ``shutil.which`` found it."""
    server: ServerAddress
    environ: Mapping[str, str]
    window: str = ""
    """The value of ``--if-expiring-within``, which newer versions know; empty: not passed."""

    def rotate(self, key: Secret, intent: RotationIntent, stdout: int) -> Ended:
        """Rotate a key; the answer goes to the descriptor ``stdout``. Raises OSError."""
        return run_program(
            self.words(intent),
            self._environ(key),
            self.server.timeout.total_seconds(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
        )

    def words(self, intent: RotationIntent) -> list[str]:
        """Return the command line. It contains no secret."""
        words = [self.program, "rotate-key", "--api-key-name", _KEY_VARIABLE]
        words += ["-s", self.server.url, "--overlap-days", str(intent.overlap_days)]
        if not intent.auto_revoke:
            words.append("--no-auto-revoke")
        if self.server.allow_untrusted:
            words.append("--allow-untrusted")
        if self.window:
            words += ["--if-expiring-within", self.window]
        return [*words, "--emit-secret", f"template:{template(marker_of(intent))}"]

    def _environ(self, key: Secret) -> dict[str, str]:
        passed = {name: value for name, value in self.environ.items() if name.upper() in _PASSED_ON}
        return passed | {_KEY_VARIABLE: key.reveal(), "NO_COLOR": "1"}


def marker_of(intent: RotationIntent) -> str:
    """Return the marker of a rotation's answer: no output of another rotation contains it."""
    return intent.id.hex


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the path of a program; None if there is none that can be run."""
    return shutil.which(name, path=environ.get("PATH"))
