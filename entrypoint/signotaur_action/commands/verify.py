"""``verify``: read the settings, verify the files, report each result. It changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from signotaur_action.commands.on_files import NO_KEY, arguments_of, file_access
from signotaur_action.commands.runner import keys_after_failure, publish, run_with_report
from signotaur_action.console.console import Console
from signotaur_action.errors import ExitCode, StopSignal, UsageError
from signotaur_action.key_server.revocation import HttpRevocationAuthorities
from signotaur_action.options.sign import TRUST_EXISTING_SIGNATURES
from signotaur_action.options.verify import STRICT_LIFETIME
from signotaur_action.process import end_watchdog
from signotaur_action.reporting import Report
from signotaur_action.reporting.verification import (
    not_all_verified,
    verification_document,
    verification_outputs,
    verification_report,
)
from signotaur_action.settings.invocation import Invocation
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.sign import named_files, parallelism
from signotaur_action.settings.verify import revocation_mode, trust
from signotaur_action.signing.outcomes import Outcome, RevocationMode
from signotaur_action.signing.parallel import ParallelWork
from signotaur_action.signing.plan import OnSigned
from signotaur_action.signing.revocation import (
    EmbeddedLists,
    Online,
    RevocationSource,
)
from signotaur_action.signing.trust import Trust
from signotaur_action.signing.verification import FileVerifier


@dataclass(frozen=True)
class Verify:
    """The checked settings of one ``verify``."""

    files: Sequence[Path]
    trust: Trust
    revocation: RevocationMode
    parallelism: int
    strict_lifetime: bool
    trust_signatures: bool


def run(invocation: Invocation) -> ExitCode:
    """Verify the files and report every one that is not to be trusted. Returns the exit code."""
    outputs: dict[str, str] = {"verified": "0"}
    document: dict[str, object] = {"verified": 0}

    def work(settings: Settings, console: Console, report: Report) -> ExitCode:
        with keys_after_failure(NO_KEY):
            command = _read(settings, invocation)
        if command.trust.accepts_any_root:
            console.warn(
                "--ignore-untrusted-root: every root is accepted, so this does not prove who "
                "signed the files; prefer --ca-file."
            )
        end_watchdog()  # many files take time, and no lease is at stake
        try:
            with keys_after_failure(NO_KEY):
                report.check()
                outcome = _verify(command, invocation, console)
        except StopSignal as stop:
            raise stop.as_error().with_keys(NO_KEY) from None
        if not outcome.complete:
            outputs.update(verification_outputs(outcome))
            document.update(verification_document(outcome))
            raise not_all_verified(outcome).with_keys(NO_KEY)
        publish(report, verification_report(outcome, command.revocation), keys=NO_KEY)
        return ExitCode.DONE

    return run_with_report(invocation, work, outputs=outputs, document=document)


def _verify(command: Verify, invocation: Invocation, console: Console) -> Outcome:
    clock = invocation.clock
    began = clock.monotonic()
    # The signature is read, as when it is replaced, so the same files are kept from osslsigncode.
    access = file_access(
        command.files,
        invocation.environ,
        OnSigned.REPLACE,
        trust_signatures=command.trust_signatures,
    )
    verifier = FileVerifier(
        command.trust,
        access.formats,
        access.check,
        clock,
        strict_lifetime=command.strict_lifetime,
        revocation=_revocation(command.revocation, invocation),
    )
    results = ParallelWork(verifier.verify, command.parallelism, console).run(command.files)
    return Outcome(results, timedelta(seconds=clock.monotonic() - began))


def _revocation(mode: RevocationMode, invocation: Invocation) -> RevocationSource | None:
    match mode:
        case RevocationMode.NO_CHECK:
            return None
        case RevocationMode.OFFLINE:
            return EmbeddedLists(invocation.clock)
        case RevocationMode.ONLINE:
            authorities = HttpRevocationAuthorities(invocation.clock, invocation.environ)
            return Online(authorities, invocation.clock)


def _read(settings: Settings, invocation: Invocation) -> Verify:
    command = Verify(
        named_files(settings, arguments_of(invocation)),
        trust(settings),
        revocation_mode(settings),
        parallelism(settings),
        strict_lifetime=settings.flag(STRICT_LIFETIME),
        trust_signatures=settings.flag(TRUST_EXISTING_SIGNATURES),
    )
    if settings.faults:
        raise UsageError(settings.faults)
    return command
