"""A step of a GitHub job: the environment the runner gives it, and what the runner makes of it."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from signotaur_action.options.commands import OPTIONS
from support.client import BARE, CLIENT
from support.runner import Command, Step, input_variable, parse_file, read_lines


@dataclass(frozen=True)
class StepResult:
    """What a finished step left behind."""

    code: int
    stdout: bytes
    stderr: bytes
    output_file: bytes
    env_file: bytes
    summary: str

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs as the runner reads them."""
        parsed = parse_file(self.output_file)
        assert parsed.error is None
        return parsed.outputs()

    @property
    def variables(self) -> dict[str, str]:
        """What the runner sets for the steps that follow."""
        parsed = parse_file(self.env_file)
        assert parsed.error is None
        return dict(parsed.pairs)

    @cached_property
    def log(self) -> str:
        """The log with step debugging, as a person sees it; stderr first, which is the worst."""
        step = Step()
        for line in [*read_lines(self.stderr), *read_lines(self.stdout)]:
            obeyed = len(step.obeyed)
            step.read_line(line)
            for command in step.obeyed[obeyed:]:
                if command.name == "debug":
                    step.shown.append(step.masker.mask(f"##[debug]{command.data}"))
        assert not step.failed
        return "\n".join(step.shown)

    @cached_property
    def commands(self) -> list[Command]:
        """The commands that the runner obeyed, of either stream."""
        step = Step()
        step.read(self.stderr)
        step.read(self.stdout)
        return step.obeyed

    def commands_named(self, name: str) -> list[Command]:
        return [command for command in self.commands if command.name.lower() == name]

    @property
    def said(self) -> str:
        return (self.stdout + self.stderr).decode()


class GithubStep:
    """A job on a runner of its own: folders, files, variables, and one step of our action."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "_temp"
        self.workspace = folder / "workspace"
        self.home = folder / "github-home"
        self.stdout_file = folder / "step.out"
        for each in (self.temp, self.workspace, self.home):
            each.mkdir()
        commands = self.temp / "_runner_file_commands"
        commands.mkdir()
        self.files = {
            name: commands / f"{name.lower()}_2f1d" for name in ("OUTPUT", "ENV", "STEP_SUMMARY")
        }
        for file in self.files.values():
            file.touch(0o644)
        # Every declared input is set, also those that nobody gave.
        self.env = {input_variable(name): "" for name in [*OPTIONS, "command"]}
        self.env |= {f"GITHUB_{name}": str(file) for name, file in self.files.items()}
        self.env |= {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_JOB": "rotate",
            "GITHUB_REPOSITORY": "acme/app",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": folder.name,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKSPACE": str(self.workspace),
            "HOME": str(self.home),
            "RUNNER_TEMP": str(self.temp),
        }

    def give(self, **inputs: str | Path) -> None:
        """Give inputs, as the workflow's ``with:`` does; ``_`` stands for the hyphen."""
        for name, value in inputs.items():
            self.env[input_variable(name.replace("_", "-"))] = str(value)

    def run(self, env: Mapping[str, str] | None = None) -> StepResult:
        """Run the step, without any argument, to its end."""
        with self.running(env) as process:
            process.wait(timeout=60)
            return self._result(process)

    @contextmanager
    def running(self, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """Start the step; what it prints can be read in ``stdout_file`` while it runs."""
        with self.stdout_file.open("wb") as out, (self.temp / "step.err").open("wb") as err:
            process = subprocess.Popen(
                CLIENT,
                env=BARE | self.env | dict(env or {}),
                cwd=self.workspace,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _result(self, process: subprocess.Popen[bytes]) -> StepResult:
        read = {name: _content(file) for name, file in self.files.items()}
        return StepResult(
            process.returncode,
            self.stdout_file.read_bytes(),
            (self.temp / "step.err").read_bytes(),
            read["OUTPUT"],
            read["ENV"],
            read["STEP_SUMMARY"].decode(),
        )


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""
