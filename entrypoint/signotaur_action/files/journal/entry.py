"""What a journal remembers, and whose it is. Bytes in, values out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit
from uuid import UUID

from signotaur_action.model import RotationIntent, Secret

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class JournalEntry:
    """What a run needs to continue a rotation that another run began."""

    server: str
    old_key_fingerprint: str
    """SHA-256 of the old key, or of the candidate where a run started with that."""
    intent: RotationIntent
    delivered: frozenset[str] = frozenset()
    """Names of the destinations that hold the candidate."""

    @property
    def candidate(self) -> Secret | None:
        """The new key; None when the server makes it and no answer came."""
        return self.intent.candidate

    def belongs_to(self, key: Secret, server: str) -> bool:
        """Return whether ``key`` is this rotation's old key or its candidate, on this server."""
        is_key = key == self.candidate or key.fingerprint() == self.old_key_fingerprint
        return is_key and canonical_server(server) == canonical_server(self.server)


def read_entry(content: bytes) -> JournalEntry | None:
    """Return what a journal's records say; None for a journal without any.

    A last line that is torn was never acted upon, and is ignored. Raises ValueError, KeyError
    or TypeError for what is no journal.
    """
    *whole, _torn = content.split(b"\n")
    # Empty lines are the reserve of a run that was killed before it had a rotation.
    records = [json.loads(line) for line in whole if line]
    return _entry(records) if records else None


def canonical_server(url: str) -> str:
    """Return the one spelling of a server's address: lower case, the port, no final slash."""
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
