"""``rotate-key``: read the settings, build the parts, run the rotation, report it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from signotaur_action.ci import journal_folders, run_name
from signotaur_action.console import Console
from signotaur_action.errors import (
    ExitCode,
    InvalidOverlap,
    SignotaurError,
    StopSignal,
    UsageFaults,
)
from signotaur_action.http_service import HttpKeyService, ServerAddress
from signotaur_action.invocation import Invocation
from signotaur_action.journal import Journal, JournalPlace
from signotaur_action.key_settings import KeySource, key_source
from signotaur_action.policy import overlap_allowed, parse_duration
from signotaur_action.ports import Sink
from signotaur_action.reports import RotationReport
from signotaur_action.rotation import RotationPlan, RotationRun
from signotaur_action.server_settings import server_address
from signotaur_action.settings import Settings
from signotaur_action.sinks import TAKES_STDOUT, emitter
from signotaur_action.sinks.base import SinkContext, SinkFault
from signotaur_action.sinks.env_file import EnvFileSink
from signotaur_action.sinks.key_file import KeyFileSink
from signotaur_action.sinks.stdout import StdoutSink
from signotaur_wire.limits import OVERLAP_DAYS_DEFAULT

_DESTINATIONS = ("write-key-file", "write-env-file", "emit-secret")


@dataclass(frozen=True)
class RotateKey:
    """The checked settings of one ``rotate-key``."""

    source: KeySource
    server: ServerAddress
    plan: RotationPlan
    sinks: Sequence[Sink]
    journal: JournalPlace
    dry_run: bool


def run(invocation: Invocation) -> ExitCode:
    """Rotate the key and report it; every failure is reported too. Returns the exit code."""
    listeners = invocation.settings()  # read on its own: faults are reported to these, too
    console = invocation.console(debug=listeners.flag("debug"))
    report = RotationReport(
        console,
        invocation.environ,
        as_json=listeners.flag("json"),
        key_in_json=listeners.one_of(*_DESTINATIONS) is None,
    )
    try:
        command = _read(invocation.settings(), console)
        console.mask(command.source.key)
        _warn_about(command, invocation.environ, console)
        _rotate(command, report, console)
    except StopSignal as stop:
        return _failed(stop.as_error(), report, console)
    except SignotaurError as error:
        return _failed(error, report, console)
    return ExitCode.DONE


def _rotate(command: RotateKey, report: RotationReport, console: Console) -> None:
    key = command.source.key
    report.check()
    rotation = RotationRun(command.plan, HttpKeyService(command.server), command.sinks, console)
    if command.dry_run:
        rotation.check()
        report.tell(rotation.preview(key, unfinished=command.journal.exists()))
        return
    with command.journal.locked() as journal:
        rotation.check()
        report.tell(rotation.rotate(key, journal))
        _forget(journal, console)


def _forget(journal: Journal, console: Console) -> None:
    try:
        journal.clear()
    except OSError as error:  # all is done and told: a later run finds this rotation to be over
        reason = error.strerror or type(error).__name__
        console.warn(
            f"The journal {journal.path} could not be emptied ({reason}) and may hold the new "
            "key. Delete it."
        )


def _failed(error: SignotaurError, report: RotationReport, console: Console) -> ExitCode:
    console.trace(error)
    report.fail(error)
    return error.code


def _warn_about(command: RotateKey, environ: Mapping[str, str], console: Console) -> None:
    if command.source.in_arguments:
        console.warn(
            "--api-key shows the key in process lists and shell histories; "
            "prefer --api-key-file or a variable."
        )
    for path in _in_workspace(command.sinks, environ):
        console.warn(
            f"{path} lies in the workspace, which is uploaded, cached and copied into images; "
            "$RUNNER_TEMP is a better place for a key."
        )
    if command.server.allow_untrusted:
        console.warn(
            "--allow-untrusted: the server's certificate is not checked, so anybody on the way "
            "can read the key; --ca-file is the safe way."
        )


def _in_workspace(sinks: Sequence[Sink], environ: Mapping[str, str]) -> list[Path]:
    workspace = environ.get("GITHUB_WORKSPACE", "")
    written = [sink.file.path for sink in sinks if isinstance(sink, KeyFileSink | EnvFileSink)]
    return [path for path in written if workspace and path.is_relative_to(workspace)]


# Settings


def _read(settings: Settings, console: Console) -> RotateKey:
    source = key_source(settings)
    _refuse_key_in_arguments(settings)
    server = server_address(settings)
    sinks = _sinks(settings, console, source)
    overlap = settings.checked("overlap-days", _whole_number, OVERLAP_DAYS_DEFAULT)
    plan = RotationPlan(
        overlap_days=overlap,
        auto_revoke=not settings.flag("no-auto-revoke"),
        again=settings.flag("again"),
        holder=run_name(settings.environ),
        window=settings.checked("if-expiring-within", _window, None),
    )
    dry_run = settings.flag("dry-run")
    _demand_sound(settings, overlap)
    if source is None:  # its fault was raised above
        raise UsageFaults(["no API key"])
    journal = _journal_place(settings, source, server, sinks)
    return RotateKey(source, server, plan, sinks, journal, dry_run)


def _refuse_key_in_arguments(settings: Settings) -> None:
    # Only an action's step has this variable; the runner prints the step's `args` in its log.
    if "INPUT_COMMAND" in settings.environ and settings.is_on_command_line("api-key"):
        settings.faults.append(
            "--api-key stands in the step's args, which the runner shows in its log: take that "
            "key for leaked; give it as the input api-key or as a variable"
        )


def _demand_sound(settings: Settings, overlap: int) -> None:
    """Raise all faults at once; a wrong overlap alone has the seed's own exit code."""
    fault = f"the overlap must be between 0 and 30 days, not {overlap}"
    if settings.faults:
        wrong = [] if overlap_allowed(overlap) else [f"--overlap-days: {fault}"]
        raise UsageFaults([*settings.faults, *wrong])
    if not overlap_allowed(overlap):
        raise InvalidOverlap(f"{fault[0].upper()}{fault[1:]}.", keys=UsageFaults.keys)


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("it must be a whole number of days") from None


def _window(text: str) -> timedelta | None:
    return parse_duration(text) if text else None


def _sinks(settings: Settings, console: Console, source: KeySource | None) -> list[Sink]:
    context = SinkContext(console.emit, settings.environ, settings.flag("follow-symlinks"))
    chosen = settings.one_of(*_DESTINATIONS)
    for_env_file = chosen is not None and chosen[0] == "write-env-file"
    if settings.is_given("write-env-var-name") and not for_env_file:
        settings.faults.append("--write-env-var-name can only be used with --write-env-file")
    if chosen is None:
        return [_stdout(settings, context)]
    option, values = chosen
    sinks = [sink for value in values if (sink := _sink(option, value, settings, context))]
    if option == "emit-secret" and settings.flag("json") and any(map(_takes_stdout, values)):
        settings.faults.append("--json and an --emit-secret that prints exclude one another")
    return sorted(sinks, key=lambda sink: _is_source(sink, source))


def _sink(option: str, value: str, settings: Settings, context: SinkContext) -> Sink | None:
    try:
        if option == "write-key-file":
            return KeyFileSink(value, context)
        if option == "write-env-file":
            return EnvFileSink(value, settings.text("write-env-var-name"), context)
        return emitter(value, context)
    except SinkFault as fault:
        settings.faults.append(str(fault))
        return None


def _stdout(settings: Settings, context: SinkContext) -> Sink:
    # With --json the report prints the key as a member of its one object.
    silent = SinkContext(lambda _text: None, context.environ)
    return StdoutSink(silent if settings.flag("json") else context)


def _is_source(sink: Sink, source: KeySource | None) -> bool:
    # The old key's own file is written last: until then a new run starts from the old key.
    written = sink.file.path if isinstance(sink, KeyFileSink | EnvFileSink) else None
    return written is not None and source is not None and source.is_file(written)


def _takes_stdout(emit_secret: str) -> bool:
    return emit_secret.partition(":")[0] in TAKES_STDOUT


# The journal's place


def _journal_place(
    settings: Settings, source: KeySource, server: ServerAddress, sinks: Sequence[Sink]
) -> JournalPlace:
    """Return where the journal may lie; the same command finds the same places."""
    identity = "\n".join([server.url, source.label, *(sink.name for sink in sinks)])
    name = f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.rotation"
    state = settings.text("state-dir")
    if state:
        return JournalPlace([Path(state, name)], own_folders=[Path(state)])
    beside = [
        sink.file.path.with_name(f".{sink.file.path.name}.rotation")
        for sink in sinks
        if isinstance(sink, KeyFileSink | EnvFileSink) and not sink.file.is_mount_point()
    ]
    folders = journal_folders(settings.environ)
    return JournalPlace([*beside[:1], *(folder / name for folder in folders)], own_folders=folders)
