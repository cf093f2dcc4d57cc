"""The client's command line inside the test process, where a clock can be given to it."""

from collections.abc import Mapping
from importlib import import_module
from io import StringIO
from pathlib import Path

from signotaur_action.options.command_line import command_line
from signotaur_action.ports import Clock
from signotaur_action.settings.invocation import Invocation
from support.client import Finished


def run_here(
    *arguments: str | Path, env: Mapping[str, str], clock: Clock, out: StringIO | None = None
) -> Finished:
    """Run a command as ``cli`` does. For what is expected of the command and not of its process.

    With a ``VirtualClock``, pauses between tries take no time. ``out``: its stdout.
    """
    out, err = StringIO() if out is None else out, StringIO()

    def run(module: str, /, **given: object) -> int:
        command = import_module(f"signotaur_action.commands.{module}")
        code: int = command.run(Invocation(given, env, StringIO(), out, err, clock))
        return code

    words = [str(argument) for argument in arguments]
    code = command_line(run).main(words, prog_name="signotaur-action", standalone_mode=False)
    return Finished(int(code or 0), out.getvalue(), err.getvalue())
