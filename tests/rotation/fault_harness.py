"""The harness of the fault tests: run a place's command, look at what it left, run it again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rotation.locations import KEY, Expected, KeyLocation, Oracle
from support.keyserver import KeyServer
from support.kill import Ended, Nursery

DONE, ALREADY_ROTATED = 0, 15
SAME_RUN = {"GITHUB_RUN_ID": "4711", "GITHUB_REPOSITORY": "acme/product"}
"""With its journal lost, a run is known to be the same one by this, and need not wait."""


@dataclass
class FaultHarness:
    """What a test of faults works with."""

    server: KeyServer
    oracle: Oracle
    nursery: Nursery

    def run(
        self,
        place: KeyLocation,
        *,
        kill_at: int | None = None,
        counted: bool = False,
        tracer: Sequence[str] = (),
    ) -> Ended:
        """Run the place's command, to a line, under strace or to its end, and look at its keys."""
        ended = self.nursery.run(
            ("rotate-key", *place.arguments, *self.server.options),
            place.env | SAME_RUN,
            kill_at=kill_at,
            counted=counted or kill_at is not None,
            tracer=tracer,
        )
        place.printed.append(ended.out)
        assert not re.search(KEY, ended.err), "a key on stderr"
        assert self.oracle.accepts(place.held()), "locked out"
        return ended

    def check_nothing_is_lost(self, place: KeyLocation) -> None:
        """Fail if the server made a successor that neither a file nor the destination has."""
        assert self.oracle.lost(place.key, place.keys()) is None, "lost a key"

    def is_over(self, place: KeyLocation) -> bool:
        """Return whether the rotation that was asked for is finished, report and all."""
        return place.journal_is_empty() and self.oracle.is_confirmed_successor(place.held())

    def finish(self, place: KeyLocation, name: str, *, candidates: int = 0) -> Expected:
        """Run the same command again, to its end, and return what the server must show then."""
        over = self.is_over(place)
        ended = self.run(place)
        # A run that is killed when all is done leaves nothing to do: the same command rotates
        # once more if it reads the new key, and is told so if it still reads the old one.
        expected = ALREADY_ROTATED if over and not place.reads_destination else DONE
        assert ended.code == expected, ended.err
        left = place.leftovers()
        assert left == [], f"left: {left}"
        rotations = 2 if over and place.reads_destination else 1
        return self.expect(place, name, rotations=rotations, candidates=candidates)

    def expect(
        self, place: KeyLocation, name: str, *, rotations: int = 1, candidates: int = 0
    ) -> Expected:
        """Return what the server must show of a place in the end."""
        return Expected(name, self.oracle.id_of(place.held()), rotations, candidates)
