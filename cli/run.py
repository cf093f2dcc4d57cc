"""Installs the client on the runner, hash-locked, and runs it with the action's inputs.

For the composite action beside this file. The runner's own Python starts it, which may be too
old: this file is read by any Python 3.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements" / "runtime.txt"
PACKAGES = ("signotaur_action", "signotaur_wire")
INPUTS = "SIGNOTAUR_INPUTS"
# Variables of a job that choose what Python, OpenSSL and pip load, or which settings pip reads.
CHOOSING = ("PYTHON", "OPENSSL_", "PIP_", "XDG_CONFIG_")
# Those of them that say where packages come from: the lock's hashes say what they are.
SOURCES = {
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"),
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_TRUSTED_HOST", "PIP_PROXY"),
    *("PIP_RETRIES", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT"),
}
OUTPUT = "api-key"
FAILURE, USAGE, KILLED = 1, 10, 128
NOTHING_SENT = "Nothing was sent to the server; the key in use is unchanged."


class InstallError(Exception):
    """The client cannot be run. The message says why; the code ends the step."""

    def __init__(self, why: str, code: int = FAILURE) -> None:
        super().__init__(why)
        self.code = code


def main() -> int:
    """Run the client; return its exit code."""
    try:
        require_new_python(sys.version_info[:2])
        inputs = json.loads(os.environ.pop(INPUTS, "{}"))
        require_known_output(inputs.get("emit-secret", ""))
        with tempfile.TemporaryDirectory(
            prefix="signotaur-", dir=os.environ.get("RUNNER_TEMP"), ignore_cleanup_errors=True
        ) as folder:
            python = installed(Path(folder))
            return run([str(python), "-I", "-m", "signotaur_action"], environment(inputs))
    except InstallError as refusal:
        sys.stderr.write(f"::error::{refusal} {NOTHING_SENT}\n")
        return refusal.code
    except KeyboardInterrupt:
        return KILLED + signal.SIGINT


def require_new_python(version: "tuple[int, ...]") -> None:
    """Refuse a Python that is too old for the client."""
    if version < OLDEST:
        found = ".".join(map(str, version))
        raise InstallError(
            f"The client needs Python 3.11 or newer, and this is {found}. "
            "Put actions/setup-python before this action."
        )


def require_known_output(emit_secret: str) -> None:
    """Refuse an output that this action cannot hand on: the new key would be lost in it."""
    for line in emit_secret.splitlines():
        kind, _, name = line.strip().partition(":")
        if kind == "github-output" and name and name.lower() != OUTPUT:
            raise InstallError(
                f"A composite action has the outputs it declares: use github-output, which is "
                f"the output {OUTPUT}, or github-env.",
                USAGE,
            )


def environment(inputs: "dict[str, str]") -> "dict[str, str]":
    """Return the client's environment: every input as the runner gives it to a container."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("INPUT_")}
    return {**outer, **{f"INPUT_{name.upper()}": value for name, value in inputs.items()}}


def installed(folder: Path) -> Path:
    """Make a virtual environment with the client in it; return its Python.

    Only wheels whose hashes are in the lock, and none from pip's cache: of a wheel there pip
    believes the hash that a file beside it tells. So no code of anybody runs while they are
    installed. The client itself is copied, for building it would need what no lock holds.
    """
    env = installers_environment(folder)
    ask(env, sys.executable, "-m", "venv", str(folder))
    places = {"base": str(folder), "platbase": str(folder)}
    program = "python.exe" if os.name == "nt" else "python"
    python = Path(sysconfig.get_path("scripts", "venv", places), program)
    ask(
        env,
        *(str(python), "-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir"),
        *("--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"),
        *("--requirement", str(REQUIREMENTS)),
    )
    library = Path(sysconfig.get_path("purelib", "venv", places))
    for package in PACKAGES:
        shutil.copytree(ROOT / "entrypoint" / package, library / package)
    return python


def installers_environment(folder: Path) -> "dict[str, str]":
    """Return the environment of what installs: the job's, without keys and without its choices.

    The machine's own settings of pip (``/etc/pip.conf``) hold. Those of the user do not: any step
    could write them. pip skips them when PIP_CONFIG_FILE names a file that exists.
    """
    settings = folder / "pip.conf"
    settings.touch()
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in SOURCES or not name.startswith(CHOOSING)
        if "SIGNOTAUR" not in name.upper()
    }
    return {**kept, "PIP_CONFIG_FILE": str(settings)}


def ask(env: "dict[str, str]", python: str, *arguments: str) -> None:
    """Run Python apart from the workspace and from the variables that would change it."""
    done = subprocess.run([python, "-I", *arguments], env=env, check=False)
    if done.returncode:
        raise InstallError(f"The client could not be installed (python {' '.join(arguments[:3])}).")


def run(command: "list[str]", env: "dict[str, str]") -> int:
    """Run the client and hand on the signals that stop it; return its exit code."""
    with subprocess.Popen(command, env=env) as client:

        def hand_on(number: int, _frame: object) -> None:
            if os.name != "nt":  # there the whole console hears of it
                client.send_signal(number)

        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), hand_on)
        code = client.wait()
    if code < 0:
        sys.stderr.write(f"::error::The client was ended by signal {-code}.\n")
    return code if code >= 0 else KILLED - code


if __name__ == "__main__":
    sys.exit(main())
