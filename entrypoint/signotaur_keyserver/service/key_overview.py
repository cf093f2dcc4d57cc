"""Keys as people see them: lists with the decisions on top, and one key with its lineage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain import refusals
from signotaur_keyserver.domain.records import Key, Rotation
from signotaur_keyserver.domain.standing import Concern, Standing
from signotaur_keyserver.store import key_list, keys, rotations
from signotaur_keyserver.store.key_list import Choice, Listed, Use

LINEAGE_LIMIT = 100
"""Keys of one lineage that are shown, the newest."""


@dataclass(frozen=True)
class KeyPage:
    """One page of a list of keys."""

    keys: Sequence[Listed]
    total: int
    """Of all pages."""
    concerns: Mapping[Concern, int]
    """How many of the owner's keys need a decision, whatever the list is narrowed to."""
    deletable: Mapping[Standing, int]
    """How many a clean-up can delete."""
    now: datetime


@dataclass(frozen=True)
class Link:
    """A key in its lineage."""

    key: Key
    standing: Standing
    rotation: Rotation | None
    """The one that made the key; None when a person made it."""
    late_uses: Sequence[Use]
    """Who used the key after its rotation was confirmed, the latest first."""


@dataclass(frozen=True)
class Lineage:
    """A key with all that it came from and that came from it, newest first."""

    key: Key
    standing: Standing
    links: Sequence[Link]
    now: datetime


def list_keys(database: Database, choice: Choice) -> KeyPage:
    """Return one page, by a number of statements that does not depend on the number of keys."""
    with database.read() as connection:
        now = database.clock.now(connection)
        return KeyPage(
            key_list.page(connection, choice, now),
            key_list.count(connection, choice, now),
            key_list.concerns(connection, choice.owner_id, now),
            key_list.deletable(connection, choice.owner_id, now),
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
            Link(each.key, each.standing, made_by.get(each.key.id), uses.get(each.key.id, ()))
            for each in listed.values()
        ]
        return Lineage(this.key, this.standing, links, now)


def find_key(database: Database, owner_id: int | None, key_id: int) -> tuple[Key, datetime]:
    """Return a key that is listed, and the database's time. Raises RefusedError for any other."""
    with database.read() as connection:
        key = keys.get(connection, key_id)
        if key is None or owner_id not in (None, key.owner_id) or key.deleted_at_utc:
            raise refusals.not_found()
        return key, database.clock.now(connection)
