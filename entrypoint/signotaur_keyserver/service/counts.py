"""How many keys and rotations there are in each state."""

from dataclasses import dataclass

from signotaur_keyserver.database.database import Database
from signotaur_keyserver.store import keys, rotations
from signotaur_wire.messages import KeyState, RotationState


@dataclass(frozen=True)
class StateCounts:
    """Counts by state; every state has one, also when it is 0."""

    keys: dict[str, int]
    rotations: dict[str, int]


def count_states(database: Database) -> StateCounts:
    """Count by what the deadlines say now, whether or not a sweep has run."""
    with database.read() as connection:
        now = database.clock.now(connection)
        key_counts = keys.count_by_state(connection, now)
        rotation_counts = rotations.count_by_state(connection, now)
    return StateCounts(
        {state.value: key_counts.get(state, 0) for state in KeyState},
        {state.value: rotation_counts.get(state, 0) for state in RotationState},
    )
