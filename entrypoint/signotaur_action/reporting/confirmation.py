"""What comes of a confirmation on its own, as a telling. Pure."""

from types import MappingProxyType

from signotaur_action.model import Rotation
from signotaur_action.reporting.rotation import fate, key_rows
from signotaur_action.reporting.telling import Rows, Telling
from signotaur_action.rotation import Confirmed
from signotaur_wire.members import format_time


def confirmation_telling(outcome: Confirmed) -> Telling:
    """Return what is told of a confirmation."""
    rotation = outcome.rotation
    end = "" if rotation is None else format_time(rotation.overlap_end)
    return Telling(
        headline=_headline(outcome),
        rows=key_rows(outcome.key) if rotation is None else _rows(rotation),
        next_step="nothing; the key in use stays."
        if rotation is None
        else "bring the new key to all else that uses the old one until then.",
        outputs=MappingProxyType(
            {
                "confirmed": "false" if rotation is None else "true",
                "key-id": str(outcome.key.id if rotation is None else rotation.new_key_id),
                "old-key-id": "" if rotation is None else str(rotation.old_key_id),
                "rotation-id": "" if rotation is None else str(rotation.id),
                "overlap-end": end,
            }
        ),
        document=MappingProxyType(
            {
                "confirmed": rotation is not None,
                "already": outcome.already,
                "keyId": outcome.key.id if rotation is None else rotation.new_key_id,
                "oldKeyId": None if rotation is None else rotation.old_key_id,
                "rotationId": None if rotation is None else str(rotation.id),
                "overlapEnd": end or None,
            }
        ),
    )


def _headline(outcome: Confirmed) -> str:
    rotation = outcome.rotation
    if rotation is None:
        return "Nothing to confirm: no rotation of this key is open."
    keys = f"the rotation of key {rotation.old_key_id} to key {rotation.new_key_id}"
    return f"Confirmed before: {keys}." if outcome.already else f"Confirmed {keys}."


def _rows(rotation: Rotation) -> Rows:
    return (
        ("Old key", f"{rotation.old_key_id}, {fate(rotation)}"),
        ("New key", f"{rotation.new_key_id} ({rotation.new_key_name})"),
        ("Overlap ends", format_time(rotation.overlap_end)),
    )
