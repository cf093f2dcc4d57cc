"""The rotation that cannot lose a key: the protocol of ``docs/design.md``, step by step.

Knows nothing of HTTP, files or CI systems. Three rules were found load-bearing by an exhaustive
model of crashes and lost messages: confirming arms the old key's revocation; continuing an
interrupted rotation takes its lease first; a run dies before its lease does. Read ``run`` first.
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
