"""Four keys of one user, rotated side by side: killed anywhere, each finishes its own rotation."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from rotation.fault_harness import ALREADY_ROTATED, DONE, SAME_RUN
from rotation.locations import FACTOR, SEED, ContinuaVariable, Oracle
from support.keys import add_keys, lineages
from support.keyserver import KeyServer
from support.kill import Ended, Nursery

KEYS, EACH = 4, 4 * FACTOR
"""Keys at a time, and how many one after the other."""


class AtHome(ContinuaVariable):
    """A key of a user who has others: all journals lie in one folder."""

    @property
    def env(self) -> dict[str, str]:
        return super().env | {"HOME": str(self.folder.parent)}


class Lane:
    """One of the keys at a time: a process that starts its runs."""

    def __init__(self, server: KeyServer, nursery: Nursery, places: list[AtHome]) -> None:
        self._server = server
        self._nursery = nursery
        self._moments = random.Random(f"{SEED} {places[0].folder.name}")  # noqa: S311
        self.places = places
        self.kills = 0

    def run(self, place: AtHome, kill_at: int | None = None) -> Ended:
        command = ("rotate-key", *place.arguments, *self._server.options)
        ended = self._nursery.run(command, place.env | SAME_RUN, kill_at=kill_at)
        place.printed.append(ended.out)
        return ended

    def kill_each(self, total: int) -> None:
        for place in self.places:
            self.kills += self.run(place, self._moments.randint(1, total)).killed

    def finish_each(self) -> None:
        for place in reversed(self.places):
            ended = self.run(place)
            # Killed after its report: the variable still is the old key, which was rotated.
            run_with_report = [] if place.held() == place.key else [ALREADY_ROTATED]
            assert ended.code in [DONE, *run_with_report], ended.err


def test_keys_that_are_rotated_side_by_side_and_killed_finish_their_own_rotations(
    shared_server: KeyServer,
    oracle: Oracle,
    tmp_path: Path,
    fresh_name: str,
    say: Callable[[str], None],
) -> None:
    names = [f"{fresh_name} {number}" for number in range(KEYS * EACH + 1)]
    home = tmp_path / "home"
    places = [
        AtHome(home / str(number), key) for number, key in enumerate(add_keys(shared_server, names))
    ]
    with ExitStack() as stack, ThreadPoolExecutor(KEYS) as threads:
        lanes = []
        for number in range(KEYS):
            folder = tmp_path / f"nursery-{number}"
            folder.mkdir()
            nursery = stack.enter_context(Nursery(folder))
            lanes.append(Lane(shared_server, nursery, places[1 + number :: KEYS]))
        undisturbed = lanes[0].run(places[0])
        assert undisturbed.code == DONE, undisturbed.err
        list(threads.map(lambda lane: lane.kill_each(undisturbed.lines), lanes))
        journals = list(home.rglob("*.rotation"))
        list(threads.map(Lane.finish_each, lanes))
    found = lineages(shared_server)
    for name, place in zip(names, places, strict=True):
        lineage = found[name]
        assert lineage.survivors == (oracle.id_of(place.held()),), name
        assert (len(lineage.ids), lineage.confirmed) == (2, 1), name
    assert list(home.rglob("*.rotation")) == []
    say(f"{sum(lane.kills for lane in lanes)} kills, {len(journals)} journals in one folder")
    assert len(journals) > KEYS
