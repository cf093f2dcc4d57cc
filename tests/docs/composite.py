"""Runs a composite action's steps as the runner would: shells, step files, outputs."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from support.client import BARE

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_RECORD = re.compile(r"^(\S+?)<<(\S+)\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)
_STEP_OUTPUT = re.compile(r"steps\.(\w+)\.outputs\.([\w-]+)")
_SHELLS: dict[str, Callable[[Path], list[str]]] = {
    "bash": lambda script: ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
}
"""The shells of the runner that this machine has."""


@dataclass
class Composite:
    """One use of a composite action in a job. ``folder`` is the job's; it gets a workspace."""

    action: Path
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    system: str = "Linux"
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    _steps: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        """Where the job's own files are, and where every step starts."""
        return self.folder / "workspace"

    @property
    def temp(self) -> Path:
        """The runner's folder for temporary files."""
        return self.folder / "temp"

    def run(self, given: Mapping[str, str]) -> int:
        """Run the action with these inputs; return the first exit code that is not 0."""
        for folder in (self.workspace, self.temp):
            folder.mkdir(exist_ok=True)
        declared: dict[str, Any] = yaml.safe_load(self.action.read_text())
        assert set(given) <= set(declared["inputs"])
        inputs = {
            name: given.get(name, str((each or {}).get("default", "")))
            for name, each in declared["inputs"].items()
        }
        code = 0
        for step in declared["runs"]["steps"]:
            if not code and self._value(step.get("if", "'true'"), inputs) == "true":
                code = self._step(step, inputs)
        self.outputs = {
            name: self._filled(each["value"], inputs) for name, each in declared["outputs"].items()
        }
        return code

    def _step(self, step: dict[str, Any], inputs: Mapping[str, str]) -> int:
        assert "${{" not in step["run"], "an expression in a script is an injection"
        script = self.temp / "script"
        script.write_text(step["run"])
        output = self.temp / "output"
        output.write_text("")
        env = {name: self._filled(value, inputs) for name, value in step["env"].items()}
        done = subprocess.run(
            _SHELLS[step["shell"]](script),
            cwd=self.workspace,
            env={
                **BARE,
                "PATH": os.environ["PATH"],
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(self.action.parent),
                "GITHUB_OUTPUT": str(output),
                "RUNNER_TEMP": str(self.temp),
                "RUNNER_OS": self.system,
                **self.env,
                **env,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
        self.log += done.stdout + done.stderr
        records = _RECORD.findall(output.read_text())
        self._steps[step["id"]] = {name: value for name, _, value in records}
        return done.returncode

    def _filled(self, text: str, inputs: Mapping[str, str]) -> str:
        return _EXPRESSION.sub(lambda match: self._value(match[1], inputs), text)

    def _value(self, expression: str, inputs: Mapping[str, str]) -> str:
        """Evaluate the few forms that our action uses; an unknown one is a test failure."""
        if expression == "toJSON(inputs)":
            return json.dumps(inputs, indent=2)
        if " || " in expression:
            first, second = expression.split(" || ")
            return self._value(first, inputs) or self._value(second, inputs)
        compared = re.fullmatch(r"runner\.os (==|!=) '(\w+)'", expression)
        if compared:
            is_same = self.system == compared[2]
            return str(is_same is (compared[1] == "==")).lower()
        output = _STEP_OUTPUT.fullmatch(expression)
        if output:
            return self._steps.get(output[1], {}).get(output[2], "")
        assert expression == "'true'", expression
        return "true"
