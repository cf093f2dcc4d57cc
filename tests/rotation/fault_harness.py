"""The harness of the fault tests: run a place's command, look at what it left, run it again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rotation.locations import LOCATIONS, Expected, KeyLocation, Oracle
from support.client import Finished, run_client
from support.keys import add_keys, lineages
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
    folder: Path

    def places(self, kind: str, count: int) -> Iterator[tuple[str, KeyLocation]]:
        """Yield that many places of a kind, each with a fresh key, and the keys' names."""
        names = [f"{self.folder.name} {number}" for number in range(count)]
        for number, key in enumerate(add_keys(self.server, names)):
            folder = self.folder / str(number)
            folder.mkdir()
            yield names[number], LOCATIONS[kind](folder, key)

    def undisturbed(self, kind: str, run: Callable[[KeyLocation], Ended | Finished]) -> None:
        """Let ``run`` run the command of a place that counts for nothing."""
        folder = self.folder / "undisturbed"
        folder.mkdir()
        (key,) = add_keys(self.server, [f"{self.folder.name} undisturbed"])
        ended = run(LOCATIONS[kind](folder, key))
        assert ended.code == DONE, ended.err

    def run(self, place: KeyLocation, *, kill_at: int | None = None) -> Ended:
        """Run the place's command, to a line or to its end."""
        ended = self.nursery.run(self._command(place), place.env | SAME_RUN, kill_at=kill_at)
        self._look(place, ended.out)
        return ended

    def run_under(self, place: KeyLocation, *prefix: str) -> Finished:
        """Run the place's command under another program."""
        ended = run_client(*self._command(place), env=place.env | SAME_RUN, prefix=prefix)
        self._look(place, ended.out)
        return ended

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
        assert place.leftovers() == []
        rotations = 2 if over and place.reads_destination else 1
        return self.expect(place, name, rotations=rotations, candidates=candidates)

    def expect(
        self, place: KeyLocation, name: str, *, rotations: int = 1, candidates: int = 0
    ) -> Expected:
        """Return what the server must show of a place in the end."""
        return Expected(name, self.oracle.id_of(place.held()), rotations, candidates)

    def check_server(self, expectations: list[Expected]) -> None:
        """Fail unless the server shows all that."""
        found = lineages(self.server)
        for expected in expectations:
            expected.check(found[expected.name])

    def _command(self, place: KeyLocation) -> tuple[str | Path, ...]:
        return ("rotate-key", *place.arguments, *self.server.options)

    def _look(self, place: KeyLocation, printed: str) -> None:
        place.printed.append(printed)
        assert self.oracle.accepts(place.held()), "locked out"
