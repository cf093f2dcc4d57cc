"""Rotations as people see them: by phase, the latest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.domain.key_status import Phase
from signotaur_keyserver.store import rotation_list
from signotaur_keyserver.store.rotation_list import ListedRotation

LIMIT = 100
"""Rotations of a phase that are shown, the latest."""


@dataclass(frozen=True)
class RotationPage:
    """The latest rotations of some phases."""

    rotations: Sequence[ListedRotation]
    counts: Mapping[Phase, int]
    now: datetime


def list_rotations(database: Database, owner_id: int | None, phase: Phase | None) -> RotationPage:
    """Return the latest rotations of a phase, or of each phase in turn."""
    with database.read() as connection:
        now = database.clock.now(connection)
        page = [
            rotation
            for each in ([phase] if phase else Phase)
            for rotation in rotation_list.page(connection, owner_id, each, now, LIMIT)
        ]
        return RotationPage(page, rotation_list.counts(connection, owner_id, now), now)
