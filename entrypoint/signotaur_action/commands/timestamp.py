"""``timestamp``: read the settings, add timestamps to signed files, report each result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from signotaur_action.commands.on_files import NO_KEY, arguments_of, file_access
from signotaur_action.commands.runner import keys_after_failure, publish, run_with_report
from signotaur_action.console.console import Console
from signotaur_action.errors import ExitCode, SignotaurError, StopSignal, UsageError
from signotaur_action.key_server.signing import HttpTimestampServer
from signotaur_action.options.sign import TIMESTAMP_SERVER, TRUST_EXISTING_SIGNATURES
from signotaur_action.process import end_watchdog
from signotaur_action.reporting import Report
from signotaur_action.reporting.verification import (
    not_all_timestamped,
    timestamp_document,
    timestamp_outputs,
    timestamp_report,
)
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.sign import (
    named_files,
    parallelism,
    timestamp_digest,
    timestamp_servers,
)
from signotaur_action.signing.file_timestamper import FileTimestamper
from signotaur_action.signing.outcomes import Outcome
from signotaur_action.signing.parallel import ParallelWork
from signotaur_action.signing.plan import OnSigned
from signotaur_action.signing.timestamp_client import TimestampClient
from signotaur_wire.signing import DigestAlgorithm

_KEYS = f"{NO_KEY} Every file is either unchanged, or has its timestamp."


@dataclass(frozen=True)
class Timestamp:
    """The checked settings of one ``timestamp``."""

    files: Sequence[Path]
    servers: Sequence[HttpTimestampServer]
    algorithm: DigestAlgorithm
    parallelism: int
    trust_signatures: bool


def run(invocation: Invocation) -> ExitCode:
    """Add the timestamps and report every failure. Returns the exit code."""
    outputs: dict[str, str] = {"timestamped": "0"}
    document: dict[str, object] = {"timestamped": 0}

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        with keys_after_failure(NO_KEY):
            command = _read(settings, invocation)
        end_watchdog()  # many files take time, and no lease is at stake
        try:
            with keys_after_failure(_KEYS):
                report.check()
                outcome, cause = _timestamp(command, invocation, console)
        except StopSignal as stop:
            raise stop.as_error().with_keys(_KEYS) from None
        if not outcome.complete:
            outputs.update(timestamp_outputs(outcome))
            document.update(timestamp_document(outcome))
            raise not_all_timestamped(outcome, cause).with_keys(_KEYS)
        publish(report, timestamp_report(outcome), keys=NO_KEY)
        return ExitCode.DONE

    return run_with_report(invocation, work, outputs=outputs, document=document)


def _timestamp(
    command: Timestamp, invocation: Invocation, console: Console
) -> tuple[Outcome, SignotaurError | None]:
    clock = invocation.clock
    began = clock.monotonic()
    access = file_access(
        command.files,
        invocation.environ,
        OnSigned.REPLACE,
        trust_signatures=command.trust_signatures,
    )
    access.check.require_signable(command.files)
    client = TimestampClient(command.servers, command.algorithm)
    timestamper = FileTimestamper(access.formats, access.check, client)
    parallel = ParallelWork(timestamper.timestamp, command.parallelism, console)
    results = parallel.run(command.files)
    return Outcome(results, timedelta(seconds=clock.monotonic() - began)), parallel.cause


def _read(settings: Settings, invocation: Invocation) -> Timestamp:
    command = Timestamp(
        named_files(settings, arguments_of(invocation)),
        timestamp_servers(settings, invocation.clock),
        timestamp_digest(settings, DigestAlgorithm.SHA256),
        parallelism(settings),
        trust_signatures=settings.flag(TRUST_EXISTING_SIGNATURES),
    )
    if not settings.is_given(TIMESTAMP_SERVER):
        settings.faults.append("no timestamp server is set; give --timestamp-server")
    if settings.faults:
        raise UsageError(settings.faults)
    return command
