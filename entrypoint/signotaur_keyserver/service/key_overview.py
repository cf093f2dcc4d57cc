"""Keys as people see them: lists with the decisions on top, and one key with its lineage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals, rules
from signotaur_keyserver.domain.key_status import Concern, KeyStatus
from signotaur_keyserver.domain.records import Key, Rotation
from signotaur_keyserver.store import key_list, rotations
from signotaur_keyserver.store.key_list import KeyFilter, Listed, Use

LINEAGE_LIMIT = 100
"""Keys of one lineage that are shown, the nearest to the one that is looked at."""


@dataclass(frozen=True)
class KeyPage:
    """One page of a list of keys."""

    keys: Sequence[Listed]
    total: int
    """Of all pages."""
    concerns: Mapping[Concern, int]
    """How many of the owner's keys need a decision, whatever the list is narrowed to."""
    deletable: Mapping[KeyStatus, int]
    """How many a clean-up can delete."""
    now: datetime


@dataclass(frozen=True)
class Link:
    """A key in its lineage."""

    key: Key
    status: KeyStatus
    rotation: Rotation | None
    """The one that made the key; None when a person made it."""
    in_overlap: bool
    """Whether that rotation is confirmed and its old key still works."""
    extension_days: int
    """By how many days a person may extend that overlap; 0: not at all."""
    late_uses: Sequence[Use]
    """Who used the key after its rotation was confirmed, the latest first."""


@dataclass(frozen=True)
class Lineage:
    """A key with all that it came from and that came from it, newest first."""

    key: Key
    status: KeyStatus
    links: Sequence[Link]
    now: datetime


def list_keys(database: Database, key_filter: KeyFilter) -> KeyPage:
    """Return one page, by a number of statements that does not depend on the number of keys."""
    with database.read() as connection:
        now = database.clock.now(connection)
        return KeyPage(
            key_list.page(connection, key_filter, now),
            key_list.count(connection, key_filter, now),
            key_list.concerns(connection, key_filter.owner_id, now),
            key_list.deletable(connection, key_filter.owner_id, now),
            now,
        )


def describe_lineage(database: Database, owner_id: int | None, key_id: int) -> Lineage:
    """Return a key with its lineage. Raises RefusedError when it is not this owner's to see."""
    with database.read() as connection:
        now = database.clock.now(connection)
        listed = {
            each.key.id: each for each in key_list.lineage(connection, key_id, now, LINEAGE_LIMIT)
        }
        this = listed.get(key_id)
        if this is None or owner_id not in (None, this.key.owner_id):
            raise refusals.not_found()
        made_by = {r.new_key_id: r for r in rotations.of_new_keys(connection, list(listed))}
        uses = key_list.uses_after_rotation(connection, list(listed))
        links = [
            _link(each, listed, made_by.get(each.key.id), uses.get(each.key.id, ()), now)
            for each in listed.values()
        ]
        return Lineage(this.key, this.status, links, now)


def _link(
    listed: Listed,
    family: Mapping[int, Listed],
    rotation: Rotation | None,
    uses: Sequence[Use],
    now: datetime,
) -> Link:
    old = None if rotation is None else family.get(rotation.old_key_id)
    in_overlap, days = False, 0
    if rotation is not None and old is not None:
        in_overlap = rotation.is_confirmed and rules.is_alive(old.key, now)
        days = rules.extension_days(rotation, old.key, now)
    return Link(listed.key, listed.status, rotation, in_overlap, days, uses)
