"""Runs the steps of a workflow's job as its runner would, against the real key server."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.client import run_client

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_RECORD = re.compile(r"^(\S+?)<<(\S+)\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)


@dataclass
class Job:
    """One job's surroundings: ``values`` answer expressions, ``env`` adds variables."""

    folder: Path
    values: Mapping[str, str]
    env: Mapping[str, str]
    path: str
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    log: str = ""

    def run(self, steps: list[dict[str, Any]]) -> int:
        """Run the steps in order; return the first exit code that is not 0."""
        for step in steps:
            if "if" in step and self._value(step["if"]) != "true":
                continue
            code = self._action(step) if "uses" in step else self._shell(step)
            if code:
                return code
        return 0

    def _action(self, step: dict[str, Any]) -> int:
        assert step["uses"].startswith(("OWNER/signotaur-action@", "./"))
        output_file = self.folder / f"outputs-{len(self.outputs)}"
        output_file.touch()
        inputs = {
            f"INPUT_{name.upper()}": self._filled(str(value))
            for name, value in step["with"].items()
        }
        done = run_client(
            env={
                **self.env,
                **inputs,
                "GITHUB_ACTIONS": "true",
                "GITHUB_OUTPUT": str(output_file),
                "RUNNER_TEMP": str(self.folder),
            },
            cwd=self.folder,
        )
        self.log += done.said
        records = _RECORD.findall(output_file.read_text())
        self.outputs[step.get("id", "")] = {name: value for name, _, value in records}
        return done.code

    def _shell(self, step: dict[str, Any]) -> int:
        env = {name: self._filled(value) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**self.env, **env, "PATH": f"{self.path}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.log += done.stdout + done.stderr
        return done.returncode

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda match: self._value(match[1]), text)

    def _value(self, expression: str) -> str:
        """Evaluate the few forms that our workflows use; an unknown one is a test failure."""
        if " && " in expression:  # a && b || c
            condition, rest = expression.split(" && ")
            first, second = rest.split(" || ")
            return self._value(first if self._value(condition) == "true" else second)
        if " || " in expression:
            first, second = expression.split(" || ")
            return self._value(first) or self._value(second)
        if " == " in expression:
            left, right = expression.split(" == ")
            return "true" if self._value(left) == self._value(right) else "false"
        if expression.startswith("'"):
            return expression.strip("'")
        output = re.fullmatch(r"steps\.(\w+)\.outputs\.([\w-]+)", expression)
        if output:
            return self.outputs.get(output[1], {}).get(output[2], "")
        return self.values[expression]
