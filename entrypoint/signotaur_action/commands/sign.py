"""``sign``: read the settings, build the parts, sign the files, tell what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.commands.runner import run_with_report, tell, warn_of_access
from signotaur_action.console.console import Console
from signotaur_action.errors import (
    NOTHING_SIGNED,
    ExitCode,
    SigningIncompleteError,
    SignotaurError,
    StopSignal,
    UsageError,
)
from signotaur_action.key_server import HttpKeyService, ServerAddress
from signotaur_action.key_server.signing import HttpSigningService, HttpTimestampServer
from signotaur_action.process import end_watchdog
from signotaur_action.reporting import Report
from signotaur_action.reporting.signing import (
    not_all_signed,
    signing_document,
    signing_outputs,
    signing_report,
)
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.key import KeySource, key_source
from signotaur_action.settings.server import server_address
from signotaur_action.settings.sign import files_to_sign, signing_plan, timestamp_servers
from signotaur_action.signing.cat_files import SupportedFormats
from signotaur_action.signing.file_check import FileCheck
from signotaur_action.signing.osslsigncode import Osslsigncode
from signotaur_action.signing.plan import SigningPlan
from signotaur_action.signing.run import SigningRun
from signotaur_action.signing.timestamp_client import TimestampClient

_INTERRUPTED = (
    "The key in use is unchanged. Every file is either fully signed or unchanged; the files "
    "listed as signed are signed."
)


@dataclass(frozen=True)
class Sign:
    """The checked settings of one ``sign``."""

    source: KeySource
    server: ServerAddress
    plan: SigningPlan
    files: Sequence[Path]
    timestamp_servers: Sequence[HttpTimestampServer]


def run(invocation: Invocation) -> ExitCode:
    """Sign the files; every failure is reported. Returns the exit code."""
    outputs: dict[str, str] = {"signed": "0"}
    document: dict[str, object] = {"signed": 0}

    def work(console: Console, report: Report) -> ExitCode:
        command = _read(invocation)
        warn_of_access(invocation.settings(), command.server, console)
        try:
            _sign(command, invocation, console, report, (outputs, document))
        except StopSignal as stop:
            error = stop.as_error()
            error.keys = _INTERRUPTED
            raise error from None
        except (SigningIncompleteError, UsageError):
            raise
        except SignotaurError as error:
            error.keys = NOTHING_SIGNED
            raise
        return ExitCode.DONE

    return run_with_report(invocation, work, outputs=outputs, document=document)


def _sign(
    command: Sign,
    invocation: Invocation,
    console: Console,
    report: Report,
    told: tuple[dict[str, str], dict[str, object]],
) -> None:
    """Sign and report; what a failure must report is left in ``told``."""
    end_watchdog()  # many files take their time, and no lease runs out meanwhile
    console.mask(command.source.key)
    report.check()
    plan, program, clock = command.plan, Osslsigncode.find(invocation.environ), invocation.clock
    reads_signatures = program.reads_signatures_safely or plan.trust_signatures
    run = SigningRun(
        plan,
        HttpKeyService(command.server, clock),
        HttpSigningService(command.server, clock),
        SupportedFormats(program),
        FileCheck(plan.on_signed, program.name, reads_signatures),
        TimestampClient(command.timestamp_servers, plan.timestamp_algorithm),
        console,
    )
    outcome = run.sign(command.source.key, command.files)
    if not outcome.complete:
        told[0].update(signing_outputs(outcome))
        told[1].update(signing_document(outcome))
        raise not_all_signed(outcome, run.cause, plan.on_signed)
    tell(report, signing_report(outcome))


def _read(invocation: Invocation) -> Sign:
    settings = invocation.settings()
    source = key_source(settings)
    server = server_address(settings)
    plan = signing_plan(settings)
    servers = timestamp_servers(settings, invocation.clock)
    files = files_to_sign(settings, _arguments(invocation))
    if settings.faults or source is None or plan is None:
        raise UsageError(settings.faults)
    return Sign(source, server, plan, files, servers)


def _arguments(invocation: Invocation) -> list[str]:
    given = invocation.given.get("files")
    return [str(each) for each in given] if isinstance(given, list | tuple) else []
