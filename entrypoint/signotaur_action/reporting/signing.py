"""The report of a signing, and the error for files that failed."""

from types import MappingProxyType

from signotaur_action.ci.text import escape_own_line
from signotaur_action.errors import SAME_COMMAND, FilesFailedError, SignotaurError
from signotaur_action.reporting.report_content import ReportContent
from signotaur_action.signing.outcomes import FileResult, FileStatus, Outcome
from signotaur_action.signing.plan import OnSigned

_SHOWN = 20
_STATUSES = (FileStatus.SIGNED, FileStatus.SKIPPED, FileStatus.FAILED, FileStatus.UNTRIED)


def signing_report(outcome: Outcome) -> ReportContent:
    """Return the report when every file is signed."""
    seconds = f"{outcome.took.total_seconds():.1f} s"
    return ReportContent(
        headline=f"{counted(outcome.count(FileStatus.SIGNED))} signed in {seconds}.",
        rows=(
            ("Certificate", outcome.thumbprint),
            ("Signed already", str(outcome.count(FileStatus.SKIPPED))),
        ),
        next_step="nothing; every file is signed.",
        outputs=MappingProxyType(signing_outputs(outcome)),
        document=MappingProxyType(signing_document(outcome)),
    )


def signing_outputs(outcome: Outcome) -> dict[str, str]:
    """Return the step's outputs."""
    return {status.value: str(outcome.count(status)) for status in _STATUSES}


def signing_document(outcome: Outcome) -> dict[str, object]:
    """Return the object of ``--json``."""
    counts = {status.value: outcome.count(status) for status in _STATUSES}
    return {**counts, "thumbprint": outcome.thumbprint, "files": file_objects(outcome)}


def not_all_signed(
    outcome: Outcome, cause: SignotaurError | None, on_signed: OnSigned
) -> FilesFailedError:
    """Return the error for an outcome in which files failed, each of which it names."""
    again = (
        "Run the same command again: it skips the files that are already signed."
        if on_signed is OnSigned.SKIP
        else f"{SAME_COMMAND} Name only the files that failed: the others would be signed again."
    )
    fix = "Fix the problem that is shown for each file." if cause is None else cause.next
    next_step = again if fix == SAME_COMMAND else f"{fix} {again}"
    return FilesFailedError(
        failures(outcome, "could not be signed"),
        keys=f"The key in use is unchanged. {counted(outcome.count(FileStatus.SIGNED))} signed by "
        "this run; the files that failed are unchanged.",
        next_step=next_step,
        code=None if cause is None else cause.code,
    )


def failures(outcome: Outcome, what: str) -> str:
    """Return how many files failed, and why each did; ``what`` is what could not be done."""
    failed = [each for each in outcome.files if each.has_failed]
    lines = [_line(each) for each in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        lines.append(f"- and {len(failed) - _SHOWN} more")
    return "\n".join([f"{len(failed)} of {counted(len(outcome.files))} {what}:", *lines])


def file_objects(outcome: Outcome) -> list[dict[str, str]]:
    """Return what became of each file, for JSON."""
    return [
        {"path": str(each.path), "result": each.status.value, "reason": each.reason}
        for each in outcome.files
    ]


def _line(result: FileResult) -> str:
    return f"- {escape_own_line(str(result.path))}: {result.reason}"


def counted(count: int) -> str:
    """Return a number of files."""
    return f"{count} file{'' if count == 1 else 's'}"
