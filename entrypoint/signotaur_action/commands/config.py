"""``config``: show and change the settings file that the vendor's tool and this client share."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from signotaur_action.ci.detect import under_github
from signotaur_action.ci.text import escape_own_line
from signotaur_action.commands.runner import keys_after_failure, run_with_report
from signotaur_action.console.console import Console
from signotaur_action.errors import (
    DestinationRefusedError,
    ExitCode,
    SignotaurError,
    UsageError,
    os_reason,
)
from signotaur_action.files.atomic import FileRefusedError, OwnerOnlyFile
from signotaur_action.options.common import FOLLOW_SYMLINKS
from signotaur_action.reporting import Report
from signotaur_action.settings.config_file import SETTINGS, config_path, read_config
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.layers import Settings
from signotaur_wire.keyformat import without_keys

_KEYS = "No key was used; every key is unchanged."
_WORDS = {"path": 1, "list": 1, "get": 2, "unset": 2, "set": 3}
"""Each action, and how many words it takes with its own name."""


def run(invocation: Invocation) -> ExitCode:
    """Show or change the settings file. A failure leaves it as it was."""

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        del report  # this command has no outputs
        with keys_after_failure(_KEYS):
            _config(_words(invocation), settings, console)
        return ExitCode.DONE

    return run_with_report(invocation, work)


def _config(words: Sequence[str], settings: Settings, console: Console) -> None:
    action, *rest = words
    path = config_path(settings.environ)
    if action == "path":
        console.emit(f"{path}\n")
        return
    members = _members(path)
    if action == "list":
        console.emit("".join(f"{name}={_shown(members[name])}\n" for name in _set_ones(members)))
    elif action == "get":
        _get(rest[0], members, path, console)
    else:
        changed = _changed(action, rest, members)
        follow_symlinks = settings.flag(FOLLOW_SYMLINKS)
        if settings.faults:
            raise UsageError(settings.faults)
        _write(path, changed, follow_symlinks=follow_symlinks)
        verb = "Stored" if action == "set" else "Removed"
        console.note(f"{verb}: {rest[0]} in {path}.")
        if under_github(settings.environ):
            console.warn("this file is not read in a GitHub job, where other steps can write it.")


def _words(invocation: Invocation) -> Sequence[str]:
    given = invocation.given.get("words")
    words = [str(each) for each in given] if isinstance(given, list | tuple) else []
    if not words or _WORDS.get(words[0]) != len(words):
        raise UsageError(["give one of: path, list, get NAME, set NAME VALUE, unset NAME"])
    if len(words) > 1 and words[1] not in SETTINGS:
        raise UsageError(
            [f"{words[1]} is not a setting; there are: {', '.join(SETTINGS)}"],
            next_step="A key is not a setting: auth set-key stores it in a file of its own.",
        )
    return words


def _members(path: Path) -> dict[str, object]:
    try:
        return read_config(path)
    except ValueError as error:
        raise UsageError([str(error)], next_step="Correct the file, or remove it.") from None


def _set_ones(members: Mapping[str, object]) -> list[str]:
    return [name for name in SETTINGS if members.get(name) is not None]


def _get(name: str, members: Mapping[str, object], path: Path, console: Console) -> None:
    if members.get(name) is None:
        raise SignotaurError(
            f"{name} is not set in {path}.", next_step=f"Set it with config set {name} VALUE."
        )
    console.emit(f"{_shown(members[name])}\n")


def _shown(value: object) -> str:
    return escape_own_line(value if isinstance(value, str) else json.dumps(value))


def _changed(action: str, rest: Sequence[str], members: dict[str, object]) -> dict[str, object]:
    """Return all members with the change; those that are not ours stay."""
    name = rest[0]
    if action == "unset":
        return {member: value for member, value in members.items() if member != name}
    value = rest[1].strip()
    if without_keys(value) != value:
        raise UsageError(["a key is not a setting; auth set-key stores it in a file of its own"])
    try:
        return members | {name: SETTINGS[name](value)}
    except ValueError as error:
        raise UsageError([f"{name}: {error}"]) from None


def _write(path: Path, members: Mapping[str, object], *, follow_symlinks: bool) -> None:
    content = json.dumps(members, indent=2, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        OwnerOnlyFile(path, follow_symlinks=follow_symlinks).replace(content.encode())
    except FileRefusedError as error:
        raise DestinationRefusedError(f"{path} was not changed: {error}.") from None
    except OSError as error:
        raise DestinationRefusedError(f"{path} was not changed ({os_reason(error)}).") from None
