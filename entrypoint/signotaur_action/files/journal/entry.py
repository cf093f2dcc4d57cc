"""The content of a journal, and the key that it belongs to."""

import json
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID

from signotaur_action.model import JournalEntry, RotationIntent, Secret

_PORTS = {"https": 443, "http": 80}


def belongs_to(entry: JournalEntry, key: Secret, server: str) -> bool:
    """Return whether ``key`` is the rotation's old key or its candidate, on this server."""
    is_key = key == entry.candidate or key.fingerprint() == entry.old_key_fingerprint
    return is_key and canonical_server(server) == canonical_server(entry.server)


def read_entry(content: bytes) -> JournalEntry | None:
    """Return what a journal's records say; None for a journal without any.

    Nothing was done after an incomplete last line, so that is ignored. Raises ValueError, KeyError
    or TypeError for a file that is not a journal.
    """
    *whole, _torn = content.split(b"\n")
    # Empty lines are the reserve of a run that was killed before it had a rotation.
    records = [json.loads(line) for line in whole if line]
    return _entry(records) if records else None


def canonical_server(url: str) -> str:
    """Return a server's address in its normal form: lower case, the port, no final slash."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/')}"


def _entry(records: Iterable[dict[str, object]]) -> JournalEntry:
    first, *rest = records
    entry = JournalEntry(
        server=str(first["server"]),
        old_key_fingerprint=str(first["oldKeySha256"]),
        intent=RotationIntent(
            id=UUID(str(first["id"])),
            candidate=_optional_secret(first["key"]),
            overlap_days=int(str(first["overlapDays"])),
            auto_revoke=bool(first["autoRevoke"]),
            again=bool(first["again"]),
            holder=str(first["holder"]),
            compromised=bool(first.get("compromised")),
        ),
    )
    for record in rest:
        if "key" in record:
            candidate = _optional_secret(record["key"])
            entry = replace(entry, intent=replace(entry.intent, candidate=candidate))
        if "delivered" in record:
            entry = replace(entry, delivered=entry.delivered | {str(record["delivered"])})
    return entry


def _optional_secret(value: object) -> Secret | None:
    return None if value is None else Secret(str(value))
