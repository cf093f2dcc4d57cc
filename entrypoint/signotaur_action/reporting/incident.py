"""The text of an incident note, for a key that leaked. Pure."""

from signotaur_action.model import Rotation
from signotaur_action.reporting.rotation import old_key_outlook
from signotaur_wire.members import format_time


def incident_note(rotation: Rotation) -> str:
    """Return what to put into the report of an incident: lines without any secret."""
    new = rotation.new_key_id
    moment = rotation.confirmed_at or rotation.server_time
    return f"""Incident note:
- Of the signing key {rotation.new_key_name}, {rotation.old_key} was reported as compromised.
- {format_time(moment)}: it was replaced by key {new} (rotation {rotation.id}).
- The compromised key is {old_key_outlook(rotation)}.
- To do: find out where it leaked and since when; list what it was used for (signotaur-keyserver
  events --json); check each signature that no build of yours made; remove the key
  from where it was found."""
