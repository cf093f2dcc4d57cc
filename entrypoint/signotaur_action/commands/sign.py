"""``sign``: read the settings, build the parts, sign the files, report each result."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from signotaur_action.commands.key_provider import KeyProvider, key_provider
from signotaur_action.commands.on_files import arguments_of, file_access
from signotaur_action.commands.runner import (
    keys_after_failure,
    publish,
    run_with_report,
    warn_of_access,
)
from signotaur_action.console.console import Console
from signotaur_action.errors import (
    NOTHING_SIGNED,
    ExitCode,
    StopSignal,
    UsageError,
)
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.key_server.signing import HttpSigningService, HttpTimestampServer
from signotaur_action.options.common import FAIL_IF_EXPIRING_WITHIN
from signotaur_action.process import end_watchdog
from signotaur_action.reporting import Report
from signotaur_action.reporting.signing import (
    not_all_signed,
    signing_document,
    signing_outputs,
    signing_report,
)
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.server import server_address
from signotaur_action.settings.sign import (
    named_files,
    retries_on_failure,
    signing_plan,
    timestamp_servers,
)
from signotaur_action.signing.plan import SigningPlan
from signotaur_action.signing.run import SigningRun
from signotaur_action.signing.timestamp_client import TimestampClient

_INTERRUPTED = (
    "The key in use is unchanged. Every file is either fully signed or unchanged; the files listed "
    "as signed are signed."
)


@dataclass(frozen=True)
class Sign:
    """The checked settings of one ``sign``."""

    key: KeyProvider
    server: ServerAddress
    plan: SigningPlan
    files: Sequence[Path]
    timestamp_servers: Sequence[HttpTimestampServer]


def run(invocation: Invocation) -> ExitCode:
    """Sign the files and report every failure. Returns the exit code."""
    outputs: dict[str, str] = {"signed": "0"}
    document: dict[str, object] = {"signed": 0}

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        command = _read(settings, console, invocation)
        warn_of_access(settings, command.server, console)
        end_watchdog()  # many files take time, and no lease is at stake
        try:
            _sign(command, invocation, console, report, (outputs, document))
        except StopSignal as stop:
            raise stop.as_error().with_keys(_INTERRUPTED) from None
        return ExitCode.DONE

    return run_with_report(invocation, work, outputs=outputs, document=document)


def _sign(
    command: Sign,
    invocation: Invocation,
    console: Console,
    report: Report,
    results: tuple[dict[str, str], dict[str, object]],
) -> None:
    """Sign and report; ``results`` gets the outputs and the document of a failure."""
    with keys_after_failure(NOTHING_SIGNED, but=UsageError):
        report.check()
        run = _signing_run(command, invocation, console)
        outcome = run.sign(command.key(), command.files)
    if not outcome.complete:
        results[0].update(signing_outputs(outcome))
        results[1].update(signing_document(outcome))
        raise not_all_signed(outcome, run.cause, command.plan.on_signed)
    publish(report, signing_report(outcome))


def _signing_run(command: Sign, invocation: Invocation, console: Console) -> SigningRun:
    plan, clock = command.plan, invocation.clock
    access = file_access(
        command.files,
        invocation.environ,
        plan.on_signed,
        trust_signatures=plan.trust_signatures,
    )
    return SigningRun(
        plan,
        HttpKeyService(command.server, clock),
        HttpSigningService(command.server, clock),
        access.formats,
        access.check,
        TimestampClient(command.timestamp_servers, plan.timestamp_algorithm),
        console,
        clock,
    )


def _read(settings: Settings, console: Console, invocation: Invocation) -> Sign:
    server = replace(server_address(settings), retries=retries_on_failure(settings))
    key = key_provider(settings, server, console, invocation.clock, (FAIL_IF_EXPIRING_WITHIN,))
    plan = signing_plan(settings)
    servers = timestamp_servers(settings, invocation.clock)
    files = named_files(settings, arguments_of(invocation))
    if settings.faults or key is None or plan is None:
        raise UsageError(settings.faults)
    return Sign(key, server, plan, files, servers)
