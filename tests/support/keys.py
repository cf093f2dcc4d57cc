"""Keys of a real server, made and listed past its command line.

A process for each would cost half a second, and the fault tests need hundreds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from signotaur_keyserver.commands import data_folder
from signotaur_keyserver.service import administration
from signotaur_wire.durations import parse_duration
from support.keyserver import KeyServer

QUARTER = timedelta(days=90)


@dataclass(frozen=True)
class Lineage:
    """The keys of one name: a key and all that ever came of it, as the server has them."""

    ids: tuple[int, ...]
    survivors: tuple[int, ...]
    """Keys that work now and that nothing will revoke."""
    working: tuple[int, ...]
    confirmed: int
    """Confirmed rotations."""
    revokes_at: tuple[datetime, ...]


def add_keys(
    server: KeyServer,
    names: Sequence[str],
    *,
    user: str = "build",
    lifetime: timedelta | None = QUARTER,
) -> list[str]:
    """Add a key for each name and return them."""
    with data_folder.existing(
        server.data_dir, None, parse_duration(server.clock_offset)
    ) as database:
        return [administration.add_key(database, user, name, lifetime) for name in names]


def lineages(server: KeyServer) -> dict[str, Lineage]:
    """Return every key of the server, by name."""
    with data_folder.existing(
        server.data_dir, None, parse_duration(server.clock_offset)
    ) as database:
        listed = administration.list_keys(database)
    by_name: dict[str, list[administration.KeyOverview]] = {}
    for overview in listed:
        by_name.setdefault(overview.key.name, []).append(overview)
    return {name: _lineage(overviews) for name, overviews in by_name.items()}


def _lineage(overviews: Sequence[administration.KeyOverview]) -> Lineage:
    working = [each for each in overviews if each.key.state(each.now) in ("active", "candidate")]
    return Lineage(
        ids=tuple(each.key.id for each in overviews),
        survivors=tuple(each.key.id for each in working if each.key.revoke_due_utc is None),
        working=tuple(each.key.id for each in working),
        confirmed=sum(len(each.successor_key_ids) for each in overviews),
        revokes_at=tuple(
            each.key.revoke_due_utc for each in overviews if each.key.revoke_due_utc is not None
        ),
    )
