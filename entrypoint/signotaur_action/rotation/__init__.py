"""The rotation that cannot lose a key: the protocol of ``docs/design.md``, step by step.

Step 1 is ``run``, steps 2 to 4 ``obtain`` (what ``decision`` decides), steps 5 to 9 ``delivery``.
The command takes step 10: it reports, and deletes the journal. Read ``run`` first.

Knows nothing of HTTP, files or CI systems. Three rules were found load-bearing by an exhaustive
model of crashes and lost messages: confirming arms the old key's revocation; continuing an
interrupted rotation takes its lease first; a run dies before its lease does.
"""

from signotaur_action.rotation.confirmation import confirm
from signotaur_action.rotation.outcomes import (
    Confirmed,
    NotDue,
    Outcome,
    Rotated,
    RotationPlan,
    WouldRotate,
)
from signotaur_action.rotation.run import RotationRun

__all__ = [
    "Confirmed",
    "NotDue",
    "Outcome",
    "Rotated",
    "RotationPlan",
    "RotationRun",
    "WouldRotate",
    "confirm",
]
