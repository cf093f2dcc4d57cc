"""``rotate-fleet``: read the file, check every key's settings, rotate them all, report them all."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.commands.rotate_key import RotateKey, read_settings
from signotaur_action.commands.runner import publish, run_with_report, warn_of_arguments
from signotaur_action.console.console import Console
from signotaur_action.errors import ExitCode, InvalidOverlapError, SignotaurError, UsageError
from signotaur_action.fleet.document import shown
from signotaur_action.fleet.outcomes import Entry, EntryResult
from signotaur_action.fleet.run import FleetRun, Pace
from signotaur_action.options.commands import COMMANDS
from signotaur_action.options.common import (
    DEBUG,
    DRY_RUN,
    EMIT_SECRET,
    GITHUB_TOKEN,
    JSON,
    OVERLAP_DAYS,
)
from signotaur_action.options.fleet import FLEET_FILE, ONLY, PARALLEL, STARTS_PER_MINUTE
from signotaur_action.process import end_watchdog
from signotaur_action.reporting import Report
from signotaur_action.reporting.fleet import failure_in_words, fleet_report, in_words
from signotaur_action.settings.fleet import (
    FOR_ALL,
    VARIABLES_FROM,
    FleetFile,
    ListedKey,
    read_fleet_file,
)
from signotaur_action.settings.fleet_conflicts import CheckedKey, conflicts
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.key import require_no_arguments
from signotaur_action.settings.layers import Settings
from signotaur_action.sinks import EMITTERS

_ROTATE_KEY_OPTIONS = COMMANDS["rotate-key"].options
_MOST_PARALLEL, _MOST_STARTS = 32, 6000
_REPORT_FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
_MINUTE = 60


@dataclass(frozen=True)
class RotateFleet:
    """The checked settings of one ``rotate-fleet``."""

    entries: Sequence[Entry]
    pace: Pace
    debug: bool


def run(invocation: Invocation) -> ExitCode:
    """Rotate every key that is due and report each. Returns the exit code."""

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        command = _read(settings, invocation, console)
        end_watchdog()  # each rotation has its own; here no lease is at stake
        report.check()
        log = _Log(console, len(command.entries), debug=command.debug)
        outcome = FleetRun(command.pace, log, invocation.clock).run(command.entries)
        publish(report, fleet_report(outcome))
        return outcome.code

    return run_with_report(
        invocation, work, outputs={"rotated": "false"}, document={"rotated": False}
    )


class _Log:
    """A line for each key that ended; on a terminal also how many have."""

    def __init__(self, console: Console, total: int, *, debug: bool) -> None:
        self._console = console
        self._total = total
        self._debug = debug
        self._ended = self._failed = 0

    def printed(self, name: str, line: str) -> None:
        """See ``FleetLog``. Masks as they are; annotations say which key they are about."""
        title = "title=signotaur-action"
        self._console.emit(line.replace(title, f"{title} {name}", 1))

    def ended(self, result: EntryResult) -> None:
        """See ``FleetLog``."""
        self._ended += 1
        self._failed += not result.is_ok
        if not result.document:
            what, keys, next_step = failure_in_words(result)
            self._console.fail(
                SignotaurError(f"{result.name}: {what}", keys=keys, next_step=next_step)
            )
        how = in_words(result) if result.is_ok else f"failed ({result.code})"
        self._console.note(f"[{self._ended}/{self._total}] {result.name}: {how}")
        whole = not result.is_ok or self._debug
        for line in result.prose:
            if whole or line.startswith("Warning: "):
                self._console.note(f"  {result.name}: {line}")
        failed = f", {self._failed} failed" if self._failed else ""
        if self._ended < self._total:
            done = 20 * self._ended // self._total
            bar = "#" * done + "-" * (20 - done)
            self._console.progress(f"[{bar}] {self._ended} of {self._total} keys{failed}")


# Settings


def _read(settings: Settings, invocation: Invocation, console: Console) -> RotateFleet:
    require_no_arguments(settings)
    path = _path(settings, invocation.given.get("file"))
    pace = Pace(
        settings.checked(PARALLEL, lambda text: _count(text, _MOST_PARALLEL), 1),
        _MINUTE / settings.checked(STARTS_PER_MINUTE, lambda text: _count(text, _MOST_STARTS), 1),
    )
    if path is None:
        raise UsageError(settings.faults)
    try:
        file = read_fleet_file(path, _for_all(settings))
    except ValueError as error:
        raise UsageError([*settings.faults, str(error)]) from None
    entries = _entries(file, settings, invocation, console)
    warn_of_arguments(settings, console)
    return RotateFleet(entries, pace, settings.flag(DEBUG))


def _path(settings: Settings, argument: object) -> Path | None:
    named = [each for each in (_first(argument), settings.text(FLEET_FILE)) if each]
    if len(named) != 1 or (isinstance(argument, list | tuple) and len(argument) > 1):
        settings.faults.append(f"name one file: rotate-fleet FILE, or {FLEET_FILE} FILE")
        return None
    return Path(named[0])


def _first(argument: object) -> str:
    return str(argument[0]) if isinstance(argument, list | tuple) and argument else ""


def _count(text: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= most:
        raise ValueError(f"it must be a whole number from 1 to {most}")
    return int(text)


def _for_all(settings: Settings) -> dict[str, object]:
    """Return the options of this command that each rotation gets, unless the file says another."""
    given: dict[str, object] = {}
    for option in (*FOR_ALL.values(), DRY_RUN):
        if option in COMMANDS["rotate-fleet"].options and settings.is_given(option):
            value = settings.flag(option) if option.is_flag else settings.text(option)
            given |= {option.parameter: value} if value else {}
    return given


# The entries


def _entries(
    file: FleetFile, settings: Settings, invocation: Invocation, console: Console
) -> list[Entry]:
    """Return the rotations to run. Raises UsageError with every fault of file and command."""
    chosen = _chosen(file, settings)
    environ = _environ(settings)
    key_variables = {key.key_variable for key in file.keys}
    entries = [_entry(key, environ, key_variables, settings) for key in chosen]
    faults = set(file.faults)
    if not file.has_secret:  # what is found from here on could show it
        checked = []
        for key, entry in zip(chosen, entries, strict=True):
            faults.update((key.lines[VARIABLES_FROM], text) for text in _unset(key, environ))
            command = _checked(key, entry, invocation, console, faults)
            checked += [CheckedKey(key, command.source, command.sinks)] if command else []
        faults.update(conflicts(checked))
    found = [f"{file.path}:{line}: {text}" for line, text in sorted(faults)]
    if settings.faults or found:
        raise UsageError(
            [*settings.faults, *found],
            next_step="Correct the file or the command; docs/commands/rotate-fleet.md describes "
            "every member.",
        )
    return entries


def _chosen(file: FleetFile, settings: Settings) -> list[ListedKey]:
    names = settings.texts(ONLY)
    for name in set(names) - {key.name for key in file.keys}:
        settings.faults.append(f"{ONLY}: {shown(name)} is not in {file.path}, or has a fault there")
    return [key for key in file.keys if not names or key.name in names]


def _environ(settings: Settings) -> dict[str, str]:
    """Return the variables of all rotations: without those of options, which the file decides."""
    dropped = {*_REPORT_FILES}
    for option in _ROTATE_KEY_OPTIONS:
        dropped |= {option.input_variable, option.environment}
    environ = {name: text for name, text in settings.environ.items() if name not in dropped}
    token = settings.text(GITHUB_TOKEN)
    return environ | ({GITHUB_TOKEN.environment: token} if token else {})


def _entry(
    key: ListedKey,
    environ: Mapping[str, str],
    key_variables: Collection[str | None],
    settings: Settings,
) -> Entry:
    others = {*key_variables} - {key.key_variable}  # the keys of others are none of its business
    own = {name: text for name, text in environ.items() if name not in others}
    own |= {name: environ.get(source, "") for name, source in key.variables_from.items()}
    arguments = ["rotate-key", str(JSON), *([str(DEBUG)] if settings.flag(DEBUG) else [])]
    for option in _ROTATE_KEY_OPTIONS:
        value = key.given.get(option.parameter)
        if option.is_flag:
            arguments += [str(option)] if value else []
        else:
            texts = value if isinstance(value, list) else [value] if value else []
            arguments += [f"{option}={text}" for text in texts]
    return Entry(key.name, tuple(arguments), own)


def _unset(key: ListedKey, environ: Mapping[str, str]) -> Iterator[str]:
    for source in key.variables_from.values():
        if not environ.get(source):
            yield f"{key.name}: the variable {source} is not set"


def _checked(
    key: ListedKey,
    entry: Entry,
    invocation: Invocation,
    console: Console,
    faults: set[tuple[int, str]],
) -> RotateKey | None:
    """Return the settings of one rotation, checked as ``rotate-key`` does; None with the faults."""
    settings = Settings(key.given, entry.environ)
    try:
        return read_settings(settings, console, invocation.clock)
    except UsageError as error:
        found: Sequence[str] = error.faults
    except InvalidOverlapError as error:
        found = [f"{OVERLAP_DAYS}: {error.what}"]
    faults.update((_line(key, text), f"{key.name}: {text}") for text in found)
    return None


def _line(key: ListedKey, fault: str) -> int:
    """Return the line of the member that a fault begins with, if it does, or of the key."""
    first = re.split("[: ]", fault.removeprefix("--"), maxsplit=1)[0]
    return key.lines.get(EMIT_SECRET.name if first in EMITTERS else first, key.line)
