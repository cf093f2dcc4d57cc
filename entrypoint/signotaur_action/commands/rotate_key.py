"""``rotate-key``: read the settings, build the parts, run the rotation, report it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from signotaur_action.ci.detect import journal_folders, run_name
from signotaur_action.commands.runner import publish, run_with_report, warn_of_access
from signotaur_action.console.console import Console
from signotaur_action.errors import (
    ExitCode,
    InvalidOverlapError,
    StopSignal,
    UnfinishedError,
    UsageError,
    os_reason,
)
from signotaur_action.files.journal import FileJournal, JournalPlace
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.model import Rotation
from signotaur_action.options.common import (
    AGAIN,
    COMPROMISED,
    DEFER_CONFIRM,
    DRY_RUN,
    IF_EXPIRING_WITHIN,
    NO_AUTO_REVOKE,
    OVERLAP_DAYS,
    STATE_DIR,
)
from signotaur_action.policy.durations import overlap_allowed
from signotaur_action.ports import Clock, Sink
from signotaur_action.process import end_watchdog
from signotaur_action.reporting import Report
from signotaur_action.reporting.incident import incident_note
from signotaur_action.reporting.rotation import rotation_report
from signotaur_action.rotation import Outcome, Rotated, RotationPlan, RotationRun
from signotaur_action.settings.destinations import destinations, in_workspace
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.key import KeySource, key_source, require_no_arguments
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.server import server_address
from signotaur_action.settings.tool import tool_command
from signotaur_action.sinks import FileSink, kind_of
from signotaur_action.sinks.stdout import StdoutSink
from signotaur_action.vendor_tool import ToolCommand, ToolKeyService
from signotaur_wire.durations import parse_duration
from signotaur_wire.limits import OVERLAP_DAYS_DEFAULT

_NOT_REPORTED = (
    "The rotation itself is complete. The new key is in the journal until the result is reported."
)


@dataclass(frozen=True)
class RotateKey:
    """The checked settings of one ``rotate-key``."""

    source: KeySource
    server: ServerAddress
    plan: RotationPlan
    sinks: Sequence[Sink]
    journal: JournalPlace
    dry_run: bool
    tool: ToolCommand | None = None
    """The vendor's program, if the server is reached through it."""

    @property
    def key_on_stdout(self) -> bool:
        """Whether no destination was named, so that the key is asked for on stdout."""
        return any(isinstance(sink, StdoutSink) for sink in self.sinks)


def run(invocation: Invocation) -> ExitCode:
    """Rotate the key and report it; every failure is reported too. Returns the exit code."""

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        command = read_settings(settings, console, invocation.clock)
        console.mask(command.source.key)
        warn_of_access(settings, command.server, console)
        _warn_of_places(command.sinks, invocation.environ, console)
        _rotate(command, report, console, invocation.clock)
        return ExitCode.DONE

    return run_with_report(
        invocation, work, outputs={"rotated": "false"}, document={"rotated": False}
    )


def _rotate(command: RotateKey, report: Report, console: Console, clock: Clock) -> None:
    key = command.source.key
    report.check()
    if command.dry_run:
        rotation = RotationRun(
            command.plan, _service(command, Path(), clock), command.sinks, console
        )
        unfinished = command.journal.exists(key, command.server.url)
        _publish(rotation.preview(key, unfinished=unfinished), command, report)
        return
    with command.journal.locked(key, command.server.url) as journal:
        _warn_of_journals(command, journal, console)
        service = _service(command, journal.path, clock)
        kinds = [kind_of(sink) for sink in command.sinks]
        rotation = RotationRun(command.plan, service, command.sinks, console, kinds)
        outcome = rotation.rotate(key, journal)
        leaked = command.plan.compromised or _began_with_leak(journal)
        if command.plan.compromised and isinstance(outcome, Rotated) and outcome.key == key:
            _forget(journal, console)
            raise _leaked_key_in_use(outcome.rotation)
        _publish(outcome, command, report)
        _forget(journal, console)
        if isinstance(service, ToolKeyService) and isinstance(outcome, Rotated):
            _forget_output(service, console)
    if leaked and isinstance(outcome, Rotated):
        console.note(incident_note(outcome.rotation))


def _began_with_leak(journal: FileJournal) -> bool:
    return journal.entry is not None and journal.entry.intent.compromised


def _leaked_key_in_use(rotation: Rotation) -> UnfinishedError:
    return UnfinishedError(
        f"The key that leaked is key {rotation.new_key_id}, the new key of a rotation that an "
        "earlier run began. This run has finished that rotation.",
        keys="Every destination has the key that leaked, and it still works.",
        next_step="Run the same command again: it rotates the key that leaked.",
    )


def _service(command: RotateKey, journal: Path, clock: Clock) -> HttpKeyService | ToolKeyService:
    if command.tool is None:
        return HttpKeyService(command.server, clock)
    end_watchdog()  # it guards the lease, and the tool has none
    return ToolKeyService(command.tool, journal, clock)


def _publish(outcome: Outcome, command: RotateKey, report: Report) -> None:
    content = rotation_report(outcome, with_key=command.key_on_stdout)
    if isinstance(outcome, Rotated):
        try:
            publish(report, content, failure=UnfinishedError, keys=_NOT_REPORTED)
        except StopSignal as stop:
            raise StopSignal(stop.code, open_keys=_NOT_REPORTED) from None
    else:
        publish(report, content, keys="Nothing was rotated; the key in use is unchanged.")


def _forget(journal: FileJournal, console: Console) -> None:
    try:
        journal.clear()
    except OSError as error:  # all is done and reported: a later run finds this rotation finished
        console.warn(
            f"The journal {journal.path} could not be emptied ({os_reason(error)}) and may contain "
            "the new key. Delete it."
        )


def _forget_output(service: ToolKeyService, console: Console) -> None:
    try:
        service.forget()
    except OSError as error:
        console.warn(
            f"The output of the tool could not be removed ({os_reason(error)}): a file that ends "
            "with .answer, beside the journal, contains the new key. Delete it."
        )


def _warn_of_places(sinks: Sequence[Sink], environ: Mapping[str, str], console: Console) -> None:
    for path in in_workspace(sinks, environ):
        console.warn(
            f"{path} is in the workspace, which jobs upload, cache and copy into images; "
            "$RUNNER_TEMP is a safer place for a key."
        )


def _warn_of_journals(command: RotateKey, journal: FileJournal, console: Console) -> None:
    for concern in command.journal.concerns(journal):
        console.warn(concern)
    for path in command.journal.of_others(command.source.key, command.server.url):
        console.warn(
            f"{path} is the journal of an unfinished rotation of another key. It was not changed; "
            "the command that started that rotation finishes it."
        )


# Settings


def read_settings(settings: Settings, console: Console, clock: Clock) -> RotateKey:
    """Return the checked settings; nothing is sent. Raises UsageError, InvalidOverlapError."""
    source = key_source(settings)
    require_no_arguments(settings)
    server = server_address(settings)
    sinks = destinations(settings, console, source, clock)
    overlap = settings.checked(OVERLAP_DAYS, _whole_number, OVERLAP_DAYS_DEFAULT)
    compromised = settings.flag(COMPROMISED)
    _require_no_contradiction(settings, compromised=compromised)
    plan = RotationPlan(
        overlap_days=0 if compromised else overlap,
        auto_revoke=not settings.flag(NO_AUTO_REVOKE),
        again=settings.flag(AGAIN),
        holder=run_name(settings.environ),
        window=settings.checked(IF_EXPIRING_WITHIN, _window, None),
        defer=settings.flag(DEFER_CONFIRM),
        compromised=compromised,
    )
    dry_run = settings.flag(DRY_RUN)
    tool = tool_command(settings, server, overlap_days=overlap)
    _require_sound(settings, overlap)
    if source is None:  # its fault was raised above
        raise UsageError(["no API key"])
    journal = _journal_place(settings, sinks)
    return RotateKey(source, server, plan, sinks, journal, dry_run, tool)


def _require_no_contradiction(settings: Settings, *, compromised: bool) -> None:
    for option in (NO_AUTO_REVOKE, DEFER_CONFIRM):
        if compromised and settings.flag(option):
            settings.faults.append(
                f"{COMPROMISED} and {option} cannot be used together: a leaked key must be revoked"
            )
    if compromised and settings.is_given(IF_EXPIRING_WITHIN):
        settings.faults.append(
            f"{COMPROMISED} and {IF_EXPIRING_WITHIN} cannot be used together: a leaked key is "
            "rotated in any case"
        )


def _require_sound(settings: Settings, overlap: int) -> None:
    """Raise all faults at once; a wrong overlap alone has the documented exit code 3."""
    fault = f"the overlap must be between 0 and 30 days, not {overlap}"
    if settings.faults:
        wrong = [] if overlap_allowed(overlap) else [f"--overlap-days: {fault}"]
        raise UsageError([*settings.faults, *wrong])
    if not overlap_allowed(overlap):
        raise InvalidOverlapError(f"{fault[0].upper()}{fault[1:]}.", keys=UsageError.keys)


def _whole_number(text: str) -> int:
    # Not int alone: that also takes 1_4 and the digits of other scripts.
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        raise ValueError("it must be a whole number of days")
    return int(text)


def _window(text: str) -> timedelta | None:
    return parse_duration(text) if text else None


# The journal's place


def _journal_place(settings: Settings, sinks: Sequence[Sink]) -> JournalPlace:
    state = settings.text(STATE_DIR)
    if state:
        return JournalPlace(folders=[Path(state)])
    # A file that is mounted alone may have nothing of its container's own beside it.
    written = [
        sink.file.path
        for sink in sinks
        if isinstance(sink, FileSink) and not sink.file.is_mount_point()
    ]
    return JournalPlace(next(iter(written), None), journal_folders(settings.environ))
