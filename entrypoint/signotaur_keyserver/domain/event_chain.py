"""A keyed hash that links each event to the one before it. Pure.

An event's mac covers its id, its content and the mac of the event before. Somebody who writes to
the database, but has no master key, cannot change, remove, insert or reorder events unnoticed.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from signotaur_keyserver.domain.events import Event
from signotaur_wire.members import Json

KEY_BYTES = 32
_CHECKPOINT = re.compile(r"events:(?P<id>[0-9]{1,18}):(?P<mac>(?:[0-9a-f]{64})?)")


class BrokenChainError(Exception):
    """The log is not what the server wrote. The message names the first event concerned."""


@dataclass(frozen=True)
class Link:
    """One end of the chain: an event's id and mac; the mac is empty where the chain begins."""

    id: int
    mac: str

    def proof(self, key: bytes, place: str) -> str:
        """Return a keyed hash that this link is at a place: ``head`` or ``anchor``."""
        return _hmac(key, [place, self.id, self.mac])


@dataclass(frozen=True)
class StoredLink:
    """A link as the database holds it, with its proof (None: written without a key)."""

    link: Link
    proof: str | None

    def require_proven(self, key: bytes, place: str) -> None:
        """Raise BrokenChainError unless a server with this key wrote it."""
        if not hmac.compare_digest(self.proof or "", self.link.proof(key, place)):
            raise BrokenChainError(f"the record of the log's {place} was changed")

    def to_json(self) -> Json:
        """Return the form that is stored."""
        return {"id": self.link.id, "mac": self.link.mac, "proof": self.proof}


@dataclass(frozen=True)
class ChainedEvent:
    """An event with its place in the chain."""

    id: int
    at_utc: datetime
    event: Event
    mac: str | None
    """None for an event that was written before events had macs."""


@dataclass(frozen=True)
class Verified:
    """What a verification found: an intact log."""

    events: int
    without_mac: int
    """Events from before the upgrade; nothing protects them."""
    head: Link


def event_mac(key: bytes, before: str, event_id: int, at: datetime, event: Event) -> str:
    """Return the mac of an event: 64 lower-case hexadecimal digits."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    rotation = None if event.rotation_id is None else str(event.rotation_id)
    content = {**vars(event), "rotation_id": rotation}
    return _hmac(key, [before, event_id, moment, content])


def verify(
    key: bytes,
    log: Iterable[ChainedEvent],
    anchor: Link,
    head: Link,
    checkpoint: Link | None = None,
) -> Verified:
    """Check all events, oldest first. Raises BrokenChainError.

    The anchor is where the chain begins: behind it is the first event that has a mac.
    """
    _require_comparable(checkpoint, anchor, head)
    before, events, without_mac = anchor, 0, 0
    for each in log:
        events += 1
        if 0 < each.id <= anchor.id:
            _require_unprotected(each, anchor)
            without_mac += 1
            continue
        before = _next(key, before, head, each)
        if checkpoint is not None and before.id == checkpoint.id and before != checkpoint:
            raise BrokenChainError(f"event {before.id} is not the one of the checkpoint")
    if before != head:
        raise BrokenChainError(f"event {before.id + 1} is missing: the log ends at {head.id}")
    return Verified(events, without_mac, head)


def checkpoint_text(head: Link) -> str:
    """Return the text that a person keeps elsewhere, such as in the log of a CI job."""
    return f"events:{head.id}:{head.mac}"


def parse_checkpoint(text: str) -> Link:
    """Read a checkpoint. Raises ValueError."""
    match = _CHECKPOINT.fullmatch(text.strip())
    if match is None:
        raise ValueError("a checkpoint is the text that events checkpoint printed")
    return Link(int(match["id"]), match["mac"])


def _next(key: bytes, before: Link, head: Link, each: ChainedEvent) -> Link:
    if each.id > head.id:
        raise BrokenChainError(f"event {each.id} was inserted: the log ends at {head.id}")
    if each.id <= before.id:
        raise BrokenChainError(f"event {each.id} was changed, or is not in its place")
    if each.id != before.id + 1:
        raise BrokenChainError(f"event {before.id + 1} is missing")
    expected = event_mac(key, before.mac, each.id, each.at_utc, each.event)
    if not hmac.compare_digest(each.mac or "", expected):
        raise BrokenChainError(f"event {each.id} was changed, or is not in its place")
    return Link(each.id, expected)


def _require_unprotected(each: ChainedEvent, anchor: Link) -> None:
    if anchor.mac:
        raise BrokenChainError(
            f"event {each.id} was inserted: all events up to {anchor.id} were deleted"
        )


def _require_comparable(checkpoint: Link | None, anchor: Link, head: Link) -> None:
    if checkpoint is None:
        return
    if checkpoint.id > head.id:
        raise BrokenChainError(
            f"event {head.id + 1} is missing: the checkpoint was made at event {checkpoint.id}"
        )
    if checkpoint.id < anchor.id:
        raise BrokenChainError(
            "the event of the checkpoint was deleted after its retention: use a checkpoint of "
            f"event {anchor.id} or later"
        )
    if checkpoint.id == anchor.id and checkpoint != anchor:
        raise BrokenChainError(f"event {anchor.id} is not the one of the checkpoint")


def _hmac(key: bytes, content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
