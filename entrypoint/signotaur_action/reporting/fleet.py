"""The report of a fleet: one row for each key. Pure."""

from collections import Counter
from types import MappingProxyType

from signotaur_action.errors import SAME_COMMAND, ExitCode
from signotaur_action.fleet.outcomes import EntryResult, FleetOutcome
from signotaur_action.reporting.report_content import ReportContent
from signotaur_action.reporting.rotation import boolean

_KILLED = (
    "Every destination has a key that works. It is not known whether the old key's revocation is "
    "armed."
)


def fleet_report(outcome: FleetOutcome) -> ReportContent:
    """Return the report of all results."""
    results = outcome.results
    failed = [result.name for result in results if not result.is_ok]
    next_step = "nothing; every key is OK."
    if failed:
        next_step = (
            "correct what is shown for each key that failed, then run the same command again: it "
            "continues each rotation where it was."
        )
    return ReportContent(
        headline=_headline(outcome),
        rows=tuple((result.name, in_words(result)) for result in results),
        next_step=next_step,
        outputs=MappingProxyType(
            {
                "rotated": boolean(any(result.rotated for result in results)),
                "failed-keys": " ".join(failed),
            }
        ),
        document=MappingProxyType(
            {
                "exitCode": int(outcome.code),
                "rotated": any(result.rotated for result in results),
                "keys": [_document(result) for result in results],
            }
        ),
    )


def in_words(result: EntryResult) -> str:
    """Return how one rotation ended, in one line."""
    found = result.document
    if result.code is None:
        return "not started"
    if result.rotated:
        end = f"revoked at {found['overlapEnd']}" if found["autoRevoke"] else "not revoked"
        number = found["oldKeyId"]  # not known of a key that SignotaurTool rotated
        old = "the key" if number is None else f"key {number}"
        return f"rotated {old} to key {found['keyId']}; the old one is {end}"
    if result.is_ok:
        would = found.get("wouldRotate") is True
        return "would be rotated; nothing was changed (dry run)" if would else "not due"
    what, keys, next_step = failure_in_words(result)
    return f"failed ({result.code}): {what} Keys: {keys} Next: {next_step}"


def failure_in_words(result: EntryResult) -> tuple[str, str, str]:
    """Return what failed, the state of the keys and the next step."""
    found = result.document
    if not found:
        code = result.code or 0
        how = f"ended by signal {-code}" if code < 0 else f"ended with {code} and no result"
        return f"The rotation was {how}.", _KILLED, SAME_COMMAND
    return str(found["what"]), str(found["keys"]), str(found["next"])


def _headline(outcome: FleetOutcome) -> str:
    results = outcome.results
    ok = sum(result.is_ok for result in results)
    kinds = Counter(map(_kind, results))
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    headline = f"{ok} of {len(results)} keys are OK: {counted}."
    if outcome.stopped is None:
        return headline
    how = "interrupted" if outcome.stopped is ExitCode.INTERRUPTED else "terminated"
    return f"The run was {how}. {headline}"


def _kind(result: EntryResult) -> str:
    if result.code is None:
        return "not started"
    if not result.is_ok:
        return "failed"
    if result.rotated:
        return "rotated"
    return "would be rotated" if result.document.get("wouldRotate") is True else "not due"


def _document(result: EntryResult) -> dict[str, object]:
    return {**result.document, "entry": result.name, "exitCode": result.code}
