"""The report of a rotation. Pure."""

from types import MappingProxyType

from signotaur_action.model import Rotation
from signotaur_action.policy.durations import describe_span
from signotaur_action.reporting.key_rows import key_rows
from signotaur_action.reporting.report_content import ReportContent, Rows, result_objects
from signotaur_action.rotation import NotDue, Outcome, Rotated, WouldRotate
from signotaur_wire.members import format_optional_time, format_time

_NO_CHANGE = "nothing; the key in use does not change."


def rotation_report(outcome: Outcome, *, with_key: bool = False) -> ReportContent:
    """Return the report of an outcome.

    ``with_key``: the new key was asked for on stdout, so the JSON object contains it.
    """
    headline, rows, next_step = _prose(outcome)
    document = _document(outcome)
    if with_key and isinstance(outcome, Rotated):
        document["apiKey"] = outcome.key.reveal()
    return ReportContent(
        headline, rows, next_step, MappingProxyType(_outputs(outcome)), MappingProxyType(document)
    )


def _prose(outcome: Outcome) -> tuple[str, Rows, str]:
    if isinstance(outcome, Rotated):
        return _rotated_prose(outcome)
    if isinstance(outcome, NotDue):
        return _not_due_prose(outcome)
    what = "finish an interrupted rotation" if outcome.continues else "rotate this key"
    headline = f"Dry run: would {what}. Nothing was changed."
    return headline, key_rows(outcome.key), "run it without --dry-run."


def _not_due_prose(outcome: NotDue) -> tuple[str, Rows, str]:
    key = outcome.key
    window = describe_span(outcome.window)
    if key is None:
        return f"Not due: the key does not expire within {window}.", (), _NO_CHANGE
    left = "no end" if key.ends_at is None else describe_span(key.ends_at - key.server_time)
    headline = f"Not due: the key has {left}{'' if key.ends_at is None else ' left'}, "
    headline += f"the window is {window}."
    return headline, key_rows(key), _NO_CHANGE


def _rotated_prose(outcome: Rotated) -> tuple[str, Rows, str]:
    rotation = outcome.rotation
    rows = (
        ("Old key", f"{_id(rotation.old_key_id)}{old_key_outlook(rotation)}"),
        ("New key", f"{rotation.new_key_id} ({rotation.new_key_name})"),
        ("New key expires", format_optional_time(rotation.new_key_expires_at) or "never"),
        ("Overlap ends", format_time(rotation.overlap_end)),
        *((f"Destination {name}", result) for name, result in outcome.results),
    )
    headline = f"Rotated {rotation.old_key} to key {rotation.new_key_id}."
    if rotation.is_unconfirmed:
        headline = f"{headline[:-1]}, unconfirmed: both keys work, and no revocation is armed."
        next_step = "store the new key, then run confirm-rotation with the stored key."
    elif not outcome.durable:
        next_step = f"store the new key now: the old one is {old_key_outlook(rotation)}."
    elif rotation.auto_revoke:
        next_step = "give the new key to everything else that uses the old one before then."
    else:
        next_step = f"revoke {rotation.old_key} by hand when nothing uses it any more."
    return headline, rows, next_step


def _id(key_id: int | None) -> str:
    return "" if key_id is None else f"{key_id}, "


def old_key_outlook(rotation: Rotation) -> str:
    """Return how a rotation's old key ends, in words."""
    if rotation.is_unconfirmed:
        return "valid; its revocation is armed when the rotation is confirmed"
    if not rotation.auto_revoke:
        return "valid until somebody revokes it"
    if rotation.overlap_end <= rotation.server_time:
        return "revoked"
    return f"revoked at {format_time(rotation.overlap_end)}"


def _outputs(outcome: Outcome) -> dict[str, str]:
    if isinstance(outcome, Rotated):
        rotation = outcome.rotation
        return {
            "rotated": "true",
            "key-id": str(rotation.new_key_id),
            "old-key-id": str(rotation.old_key_id or ""),
            "expires-at": format_optional_time(rotation.new_key_expires_at) or "",
            "overlap-end": format_time(rotation.overlap_end),
            "rotation-id": str(rotation.id),
            "confirmed": boolean(not rotation.is_unconfirmed),
        }
    key = outcome.key
    return {
        "rotated": "false",
        "key-id": "" if key is None else str(key.id),
        "old-key-id": "",
        "expires-at": ("" if key is None else format_optional_time(key.expires_at)) or "",
        "overlap-end": ("" if key is None else format_optional_time(key.revokes_at)) or "",
        "rotation-id": "",
        "confirmed": "false",
    }


def boolean(value: bool) -> str:  # noqa: FBT001 - a pure conversion
    """Return a boolean as GitHub's outputs have it."""
    return "true" if value else "false"


def _document(outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, Rotated):
        rotation = outcome.rotation
        return {
            "rotated": True,
            "keyId": rotation.new_key_id,
            "oldKeyId": rotation.old_key_id,
            "name": rotation.new_key_name,
            "expiresAt": format_optional_time(rotation.new_key_expires_at),
            "overlapEnd": format_time(rotation.overlap_end),
            "autoRevoke": rotation.auto_revoke,
            "rotationId": str(rotation.id),
            "confirmed": not rotation.is_unconfirmed,
            "destinations": list(outcome.destinations),
            "results": result_objects(outcome.results),
        }
    key = outcome.key
    return {
        "rotated": False,
        "wouldRotate": isinstance(outcome, WouldRotate),
        "keyId": None if key is None else key.id,
        "name": None if key is None else key.name,
        "expiresAt": None if key is None else format_optional_time(key.expires_at),
        "revokesAt": None if key is None else format_optional_time(key.revokes_at),
    }
