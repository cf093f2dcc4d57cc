"""Runs the steps of a workflow's job as its runner would, against the real key server."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.client import run_client

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_RECORD = re.compile(r"^(\S+?)<<(\S+)\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)
_FALSE = ("", "false")


@dataclass
class Job:
    """One job's surroundings: ``values`` answer expressions, ``env`` adds variables."""

    folder: Path
    values: Mapping[str, str]
    env: Mapping[str, str]
    path: str
    app_token: Callable[[str, str, dict[str, str]], str]
    """Returns the token of a GitHub App: its client id, its private key, the permissions."""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    log: str = ""

    def run(self, steps: list[dict[str, Any]]) -> int:
        """Run the steps in order; return the first exit code that is not 0."""
        for step in steps:
            if "if" in step and self.value(step["if"]) in _FALSE:
                continue
            code = self._action(step) if "uses" in step else self._shell(step)
            if code:
                return code
        return 0

    def filled(self, text: str) -> str:
        """Return a text with its expressions replaced."""
        return _EXPRESSION.sub(lambda match: self.value(match[1]), text)

    def value(self, expression: str) -> str:
        """Evaluate the few forms that our workflows use; an unknown one is a test failure."""
        expression = re.sub(r"^\$\{\{\s*(.*?)\s*\}\}$", r"\1", expression)
        if " || " in expression:
            first, _, second = expression.partition(" || ")
            value = self.value(first)
            return self.value(second) if value in _FALSE else value
        if " && " in expression:
            first, _, second = expression.partition(" && ")
            value = self.value(first)
            return value if value in _FALSE else self.value(second)
        if " == " in expression:
            left, right = expression.split(" == ")
            return _boolean(self.value(left) == self.value(right))
        if expression.startswith("!"):
            return _boolean(self.value(expression[1:]) in _FALSE)
        return self._named(expression)

    def _named(self, expression: str) -> str:
        if expression in ("true", "false"):
            return expression
        if expression.startswith("'"):
            return expression.strip("'")
        output = re.fullmatch(r"steps\.(\w+)\.outputs\.([\w-]+)", expression)
        if output:
            return self.outputs.get(output[1], {}).get(output[2], "")
        return self.values[expression]

    def _action(self, step: dict[str, Any]) -> int:
        if step["uses"].startswith("actions/checkout@"):
            return 0  # the job's folder is what would be checked out
        if step["uses"].startswith("actions/create-github-app-token@"):
            self.outputs[step["id"]] = {"token": self._app_token(step["with"])}
            return 0
        assert step["uses"].startswith(("OWNER/signotaur-action@", "./", "docker://"))
        inputs = {
            f"INPUT_{name.upper()}": self.filled(str(value)) for name, value in step["with"].items()
        }
        env = {name: self.filled(str(value)) for name, value in step.get("env", {}).items()}
        files = self._files()
        done = run_client(env={**self.env, **env, **inputs, **files}, cwd=self.folder)
        self.log += done.said
        self._read_outputs(step, files)
        return done.code

    def _app_token(self, given: Mapping[str, str]) -> str:
        """Return what the stand-in of GitHub gives this App, limited as it asks for."""
        assert set(given) == {"client-id", "private-key", "permission-environments"}
        client, key = self.filled(given["client-id"]), self.filled(given["private-key"])
        return self.app_token(client, key, {"environments": given["permission-environments"]})

    def _shell(self, step: dict[str, Any]) -> int:
        env = {name: self.filled(str(value)) for name, value in step.get("env", {}).items()}
        files = self._files()
        path = f"{self.path}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**self.env, **files, **env, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.log += done.stdout + done.stderr
        self._read_outputs(step, files)
        return done.returncode

    def _files(self) -> dict[str, str]:
        output_file = self.folder / f"outputs-{len(self.outputs)}"
        output_file.touch()
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(output_file),
            "RUNNER_TEMP": str(self.folder),
        }

    def _read_outputs(self, step: dict[str, Any], files: Mapping[str, str]) -> None:
        records = _RECORD.findall(Path(files["GITHUB_OUTPUT"]).read_text())
        self.outputs[step.get("id", "")] = {name: value for name, _, value in records}


def _boolean(value: object) -> str:
    return "true" if value else "false"
