"""The reports of ``verify`` and ``timestamp``, and the errors for files that failed."""

from types import MappingProxyType

from signotaur_action.errors import SAME_COMMAND, FilesFailedError, SignotaurError
from signotaur_action.reporting.report_content import ReportContent
from signotaur_action.reporting.signing import counted, failures, file_objects
from signotaur_action.signing.outcomes import FileStatus, Outcome, RevocationMode

_CHECKED = {
    RevocationMode.NO_CHECK: "not checked",
    RevocationMode.ONLINE: "checked online",
    RevocationMode.OFFLINE: "checked in the lists of each signature",
}
_OF_VERIFY = (FileStatus.VERIFIED, FileStatus.FAILED)
_OF_TIMESTAMP = (
    FileStatus.TIMESTAMPED, FileStatus.SKIPPED, FileStatus.FAILED, FileStatus.UNTRIED,
)  # fmt: skip


def verification_report(outcome: Outcome, mode: RevocationMode) -> ReportContent:
    """Return the report when every file is verified."""
    return ReportContent(
        headline=f"{counted(len(outcome.files))} verified in {_seconds(outcome)}.",
        rows=(("Revocation", _CHECKED[mode]),),
        next_step="nothing; every signature is valid.",
        outputs=MappingProxyType(verification_outputs(outcome)),
        document=MappingProxyType(verification_document(outcome)),
    )


def verification_outputs(outcome: Outcome) -> dict[str, str]:
    """Return the step's outputs."""
    return {each.value: str(outcome.count(each)) for each in _OF_VERIFY}


def verification_document(outcome: Outcome) -> dict[str, object]:
    """Return the object of ``--json``."""
    counts = {each.value: outcome.count(each) for each in _OF_VERIFY}
    return {**counts, "files": file_objects(outcome)}


def not_all_verified(outcome: Outcome) -> SignotaurError:
    """Return the error for an outcome in which files failed, each of which it names."""
    return FilesFailedError(
        failures(outcome, "could not be verified"),
        next_step="Do not use these files until you know why. Sign them again, or give --ca-file "
        "if their signer is one that you trust.",
    )


def timestamp_report(outcome: Outcome) -> ReportContent:
    """Return the report when every signed file has a timestamp."""
    done = outcome.count(FileStatus.TIMESTAMPED)
    return ReportContent(
        headline=f"{counted(done)} timestamped in {_seconds(outcome)}.",
        rows=(("Skipped", str(outcome.count(FileStatus.SKIPPED))),),
        next_step="nothing; every signed file has a timestamp.",
        outputs=MappingProxyType(timestamp_outputs(outcome)),
        document=MappingProxyType(timestamp_document(outcome)),
    )


def timestamp_outputs(outcome: Outcome) -> dict[str, str]:
    """Return the step's outputs."""
    return {each.value: str(outcome.count(each)) for each in _OF_TIMESTAMP}


def timestamp_document(outcome: Outcome) -> dict[str, object]:
    """Return the object of ``--json``."""
    counts = {each.value: outcome.count(each) for each in _OF_TIMESTAMP}
    return {**counts, "files": file_objects(outcome)}


def not_all_timestamped(outcome: Outcome, cause: SignotaurError | None) -> SignotaurError:
    """Return the error for an outcome in which files failed, each of which it names."""
    fix = "Fix the problem that is shown for each file. " if cause is None else ""
    return FilesFailedError(
        failures(outcome, "could not be timestamped"),
        next_step=f"{fix}{SAME_COMMAND} It skips the files that have a timestamp.",
    )


def _seconds(outcome: Outcome) -> str:
    return f"{outcome.took.total_seconds():.1f} s"
