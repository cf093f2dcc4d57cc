"""The rows that describe a key in every report. Pure."""

from signotaur_action.model import KeyInfo
from signotaur_action.reporting.report_content import Rows
from signotaur_wire.members import format_optional_time, format_time


def key_rows(key: KeyInfo | None) -> Rows:
    """Return the rows for a key that does not change; none if nothing is known of it."""
    if key is None:
        return ()
    rows = [
        ("Key", f"{key.id} ({key.name}) of {key.owner}"),
        ("Expires", format_optional_time(key.expires_at) or "never"),
    ]
    if key.revokes_at is not None:
        rows.append(("Revoked at", format_time(key.revokes_at)))
    return tuple(rows)
