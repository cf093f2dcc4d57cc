"""The server: how many rotations a second, beside what bare commits reach."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from key_server import KeyServer
from rotation_load import BareCommits, Holders
from samples import Samples, rounds

HOLDERS = 4
_PAIRS_EACH = 50


@dataclass(frozen=True)
class RotationRates:
    """Rotations with confirmation a second, beside pairs of bare commits."""

    bare: Samples
    server: Samples


def measure_rotations(keyserver: KeyServer, home: Path) -> RotationRates:
    """Alternate pairs of bare commits and rotations by several holders at once."""
    keys = [keyserver.add_key() for _ in range(HOLDERS)]
    with ExitStack() as stack:
        holders = Holders(keyserver, keys, stack)
        commits = BareCommits(home, stack)
        holders.pairs_per_second(5)
        pairs = [
            (commits.pairs_per_second(HOLDERS * _PAIRS_EACH), holders.pairs_per_second(_PAIRS_EACH))
            for _ in rounds(7, 40)
        ]
    return RotationRates(*(Samples.of(each) for each in zip(*pairs, strict=True)))
