"""The process: builds the real world for the command that runs, and turns errors into codes.

A command's module is loaded by ``_run`` when the command runs, and nowhere else.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import typer

from signotaur_action import process
from signotaur_action.ci.detect import under_github
from signotaur_action.errors import SignotaurError, StopSignal, UsageError, internal_error
from signotaur_action.machine.clock import SystemClock
from signotaur_action.options.command_line import command_line
from signotaur_action.settings.invocation import Invocation

# Typer carries its own copy of Click from some release on: the class is found, not imported.
_COMMAND_LINE_ERROR: Any = typer.BadParameter.__base__

_EXTRAS = {"asn1crypto": "sign", "cryptography": "sign"}
"""Libraries that only some commands need, and the extra that brings them."""


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the process's exit code; nothing escapes as an exception."""
    _prepare_streams()
    process.protect(os.environ)
    console = _invocation({}).console(debug=False)
    try:
        code = command_line(_run).main(
            list(arguments) or _action_command(),
            prog_name="signotaur-action",
            standalone_mode=False,
        )
        return int(code or 0)
    except _COMMAND_LINE_ERROR as wrong:
        error: SignotaurError = UsageError([wrong.format_message()])
    except StopSignal as stop:
        error = stop.as_error()
    except SignotaurError as expected:
        error = expected
    except Exception as bug:  # noqa: BLE001 - the last resort; its text could hold anything
        error = SignotaurError(
            internal_error(bug),
            keys="It is not known how far this command came. A rotation that was begun can be "
            "finished.",
            next_step="Run the same command again. If it fails again, run it with --debug and "
            "report what it prints.",
        )
    console.fail(error)
    return error.code


def _run(module: str, /, **given: object) -> int:
    try:
        command = import_module(f"signotaur_action.commands.{module}")
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None
    code: int = command.run(_invocation(given))
    return code


def _invocation(given: Mapping[str, object]) -> Invocation:
    return Invocation(given, os.environ, sys.stdin, sys.stdout, sys.stderr, SystemClock())


def _not_installed(missing: ModuleNotFoundError) -> Exception:
    extra = _EXTRAS.get((missing.name or "").partition(".")[0])
    if extra is None:
        return missing
    return UsageError(
        [f"this command needs {missing.name}, which is not installed"],
        next_step=f"Install signotaur-action[{extra}] and run the command again.",
    )


def _action_command() -> list[str]:
    """Return the command of an action's step, which passes inputs and no arguments."""
    if not under_github(os.environ):
        return ["--help"]
    return [os.environ.get("INPUT_COMMAND", "").strip() or "rotate-key"]


def _prepare_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
