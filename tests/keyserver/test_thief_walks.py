"""A thief with the old key against the real server, in random order: the model's property holds.

``tests/model`` searches every order of a small machine; here the server itself is asked.
"""

from random import Random
from uuid import UUID

import pytest

from keyserver.harness import NewKey, ServerHarness

pytestmark = pytest.mark.both_databases

STEPS = 20


class Walk:
    """One random walk: the owner's run is at its last step, and the thief does what he can."""

    def __init__(self, world: ServerHarness, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a test's choices
        # A server sweeps when it starts, so all start before anything happens.
        self.clients = [world.at(moment) for moment in ("0s", "6d", "8d")]
        self.client = self.clients[0]
        self.old = world.key()
        self.owner = self.client.open(self.old, holder="owner")
        self.client.self(self.owner.new.text)
        self.stolen: dict[str, UUID] = {}
        """The thief's candidates and their rotations."""
        self.confirmed = self.used = self.thief_confirmed = self.thief_was_first = False

    def walk(self) -> None:
        """Walk through the overlap, in which the owner confirms and uses the key, and past it."""
        for client in self.clients[:2]:
            self.client = client
            for _ in range(STEPS):
                self._step()
        self._confirm()
        self._use()
        self.client = self.clients[2]
        for _ in range(STEPS):
            self._step()

    def _step(self) -> None:
        acts = [self._confirm, self._use, *[self._steal] * 8, *[self._take] * 8, self._abort]
        self.random.choice(acts)()

    def _confirm(self) -> None:
        """Confirm as the owner's run does, also repeatedly."""
        assert self.client.confirm(self.owner.new.text, self.owner.id).status_code == 200
        self.confirmed = True

    def _use(self) -> None:
        """Build with the new key, once it is confirmed."""
        if self.confirmed:
            assert self.client.self(self.owner.new.text).status_code == 200
            self.thief_was_first |= self.thief_confirmed and not self.used
            self.used = True

    def _steal(self) -> None:
        """Open a rotation with any key that the thief has, in the name of the owner's run."""
        new, rotation_id = NewKey(holder="owner"), UUID(int=self.random.getrandbits(128))
        new.overlap_days = self.random.choice([0, 1, 30])
        new.again = self.random.random() < 0.8
        parent = self.random.choice([self.old, *self.stolen])
        if self.client.put(parent, rotation_id, new).status_code == 201:
            self.stolen[new.text] = rotation_id
            self.client.self(new.text)

    def _take(self) -> None:
        """Confirm a candidate of the thief, but not before the owner: then the key is his."""
        if self.confirmed and self.stolen:
            key = self.random.choice(list(self.stolen))
            answer = self.client.confirm(key, self.stolen[key])
            self.thief_confirmed |= answer.status_code == 200

    def _abort(self) -> None:
        """Abort the owner's rotation, whose id the server tells the old key."""
        assert self.client.abort(self.old, self.owner.id).status_code != 200

    def works(self, key: str) -> bool:
        """Return whether the server accepts a key now."""
        return self.client.self(key).status_code == 200


@pytest.mark.parametrize("seed", range(8))
def test_the_owner_keeps_the_key_that_was_used(world: ServerHarness, seed: int) -> None:
    walk = Walk(world, seed)
    walk.walk()
    assert walk.works(walk.owner.new.text)
    alive = [key for key in (walk.old, *walk.stolen) if walk.works(key)]
    assert walk.stolen
    assert not alive or walk.thief_was_first
