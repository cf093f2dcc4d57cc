"""The report of a confirmation. Pure."""

from types import MappingProxyType

from signotaur_action.reporting.key_rows import key_rows
from signotaur_action.reporting.report_content import ReportContent, Rows
from signotaur_action.reporting.rotation import boolean, old_key_outlook
from signotaur_action.rotation import Confirmed
from signotaur_wire.members import format_time


def confirmation_report(outcome: Confirmed) -> ReportContent:
    """Return the report of a confirmation."""
    rotation = outcome.rotation
    end = "" if rotation is None else format_time(rotation.overlap_end)
    identity = "" if rotation is None else str(rotation.id)
    return ReportContent(
        headline=_headline(outcome),
        rows=_rows(outcome),
        next_step="nothing; the key in use does not change."
        if rotation is None
        else "give the new key to everything else that uses the old one before then.",
        outputs=MappingProxyType(
            {
                "confirmed": boolean(outcome.confirmed),
                "key-id": str(outcome.new_key_id),
                "old-key-id": str(outcome.old_key_id or ""),
                "rotation-id": identity,
                "overlap-end": end,
            }
        ),
        document=MappingProxyType(
            {
                "confirmed": outcome.confirmed,
                "already": outcome.already,
                "keyId": outcome.new_key_id,
                "oldKeyId": outcome.old_key_id,
                "rotationId": identity or None,
                "overlapEnd": end or None,
            }
        ),
    )


def _headline(outcome: Confirmed) -> str:
    if not outcome.confirmed:
        return "Nothing to confirm: this key has no open rotation."
    keys = f"the rotation of key {outcome.old_key_id} to key {outcome.new_key_id}"
    return f"Already confirmed: {keys}." if outcome.already else f"Confirmed {keys}."


def _rows(outcome: Confirmed) -> Rows:
    rotation = outcome.rotation
    if rotation is None:
        return key_rows(outcome.key)
    return (
        ("Old key", f"{rotation.old_key_id}, {old_key_outlook(rotation)}"),
        ("New key", f"{rotation.new_key_id} ({rotation.new_key_name})"),
        ("Overlap ends", format_time(rotation.overlap_end)),
    )
