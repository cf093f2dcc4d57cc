"""The rotation's protocol with a thief in it: he has the first key, and never a later one.

The owner's runs are those of ``protocol``. At any moment the thief may open a rotation with the
first key or with a key that he made of it, say ``again``, choose any overlap, confirm, and abort
what he can. His requests pass every lease, because the server tells the owner's name to anybody who
has the old key; a lease that he holds himself only ends a run, and a run may end at any moment
anyway. He uses his candidates at once, so that they are never superseded as unused.

What no protocol can prevent is left out: once the thief has confirmed a rotation before the
owner did, the key is his (``lost_race``). The same holds of a successor that the owner did not
use within the overlap.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from model.protocol import NOBODY, Key, Protocol, Rules, State, Step

STOLEN = 0
"""The key that the owner had at first, of which the thief has a copy."""


@dataclass(frozen=True)
class TheftRules(Rules):
    """The rules that a thief is up against; each can be taken away."""

    again_needs_an_unused_successor: bool = True
    """``again`` is refused once the confirmed successor was used."""
    candidates_of_losers_compete: bool = True
    """Also for a superseded candidate, which still works until the overlap ends."""
    use_supersedes_again: bool = True
    """A rotation that is open by ``again`` ends when the successor is used."""
    use_disarms: bool = True
    """A successor that a confirmed ``again`` retired stays when it is used before its end."""
    again_waits: bool = True
    """``again`` ends nothing but the old key before the announced end of the overlap."""
    used_candidates_stay: bool = True
    """A candidate that was used cannot be aborted."""


class Theft(Protocol):
    """All that can happen next, with a thief."""

    def __init__(self, rules: TheftRules, runs: int = 1, stolen: int = 2) -> None:
        super().__init__(rules, runs)
        self.theft = rules
        self.stolen = stolen
        """Keys that the thief may make."""

    def steps(self, state: State) -> Iterator[Step]:
        """Return every step from a state, until the owner has lost the race."""
        if state.lost_race:
            return
        yield from super().steps(state)
        yield from self._builds(state)
        yield from self._thief(state)

    # The owner

    def _builds(self, state: State) -> Iterator[Step]:
        for number in sorted(set(state.sinks)):
            key = state.keys[number]
            if key.state == "confirmed" and number != STOLEN and not key.dead and not key.in_use:
                yield f"a build uses key {number}", self._noted(state, number)

    def _noted(self, state: State, number: int) -> State:
        """Record the first use of a successor after its confirmation."""
        key = state.keys[number]
        if key.parent == NOBODY or key.state != "confirmed" or key.in_use:
            return state
        if key.parent == STOLEN and not state.was_first:
            ahead = any(each.stolen and each.state == "confirmed" for each in state.keys)
            state = state._replace(was_first=not ahead)
        state = state.with_key(number, in_use=True)
        if self.theft.use_disarms:
            state = state.with_key(number, armed=False, waits=False)
        if self.theft.use_supersedes_again:
            for rival in self._open_rivals(state, number):
                state = self._retired(state, rival, at_once=False, waits=not state.overlap_ended)
                state = state.with_key(rival, state="superseded")
        return state

    def _opened(self, state: State, holder: int, candidate: int) -> State | None:
        opened = super()._opened(state, holder, candidate)
        return None if opened is None else self._noted(opened, state.keys[candidate].parent)

    def _confirmed(self, state: State, holder: int, candidate: int) -> State | None:
        confirmed = super()._confirmed(state, holder, candidate)
        if confirmed is None or confirmed == state or state.keys[candidate].parent != STOLEN:
            return confirmed
        for number, key in enumerate(confirmed.keys):
            if key.armed and not state.keys[number].armed:
                confirmed = confirmed.with_key(number, waits=True)
        return confirmed

    # Time

    def _time(self, state: State) -> Iterator[Step]:
        for label, then in super()._time(state):
            early = [
                number
                for number, key in enumerate(state.keys)
                if key.waits and then.keys[number].dead and not key.dead
            ]
            if not early:
                yield label, then
        successor = self._successor(state)
        if successor is not None and not state.overlap_ended:
            yield "the announced overlap ends", self._end_of_overlap(state, successor)

    @staticmethod
    def _end_of_overlap(state: State, successor: int) -> State:
        lost = not state.keys[successor].in_use
        for number, key in enumerate(state.keys):
            if key.armed and (key.waits or number == STOLEN):
                state = state.with_key(number, dead=True)
        return state._replace(overlap_ended=True, lost_race=lost)

    @staticmethod
    def _successor(state: State) -> int | None:
        for number, key in enumerate(state.keys):
            if key.parent == STOLEN and key.state == "confirmed" and not key.stolen:
                return number
        return None

    # The thief

    def _thief(self, state: State) -> Iterator[Step]:
        for number, key in enumerate(state.keys):
            if key.dead or not (key.stolen or number == STOLEN):
                continue
            if key.state == "open":
                yield f"the thief confirms key {number}", self._taken(state, number)
            else:
                yield from self._thief_opens(state, number)
            yield from self._thief_aborts(state, number)

    def _thief_opens(self, state: State, parent: int) -> Iterator[Step]:
        made = [key for key in state.keys if key.stolen]
        if len(made) == self.stolen or not self._may_open(state, parent):
            return
        candidates = self._candidates(state, parent)
        if len(candidates) >= self.candidates:
            idle = [key for key in candidates if not state.keys[key].used]
            if not idle:
                return
            state = state.with_key(idle[0], state="superseded", dead=True, holder=NOBODY)
        for at_once in (True, False):
            key = Key(parent, "open", used=True, stolen=True, at_once=at_once)
            how = "overlap 0" if at_once else "an overlap"
            label = f"the thief opens key {len(state.keys)} of key {parent} with {how}"
            yield label, state._replace(keys=(*state.keys, key))

    def _thief_aborts(self, state: State, parent: int) -> Iterator[Step]:
        for number in self._candidates(state, parent):
            key = state.keys[number]
            if key.used and self.theft.used_candidates_stay:
                continue
            aborted = state.with_key(number, state="superseded", dead=True, holder=NOBODY)
            yield f"the thief aborts key {number}", aborted

    # The server, as the thief finds it

    def _may_open(self, state: State, parent: int) -> bool:
        rivals = state.children(parent)
        if self.theft.candidates_of_losers_compete:
            rivals = self._competing(state, parent)
        in_use = any(state.keys[key].in_use for key in rivals)
        return not (in_use and self.theft.again_needs_an_unused_successor)

    def _taken(self, state: State, number: int) -> State:
        """Return the state after the thief's confirmation."""
        key = state.keys[number]
        rivals = [rival for rival in self._competing(state, key.parent) if rival != number]
        replaces = any(state.keys[rival].state == "confirmed" for rival in rivals)
        ordinary = key.parent == STOLEN and not replaces
        waits = replaces and self.theft.again_waits and not state.overlap_ended
        for rival in rivals:
            at_once = key.at_once and not waits
            if state.keys[rival].state == "open":
                state = state.with_key(rival, state="superseded", holder=NOBODY)
                state = self._retired(state, rival, at_once=at_once, waits=waits)
            elif state.keys[rival].state == "confirmed":
                state = self._retired(state, rival, at_once=at_once, waits=waits)
        state = self._retired(state, key.parent, at_once=key.at_once, waits=False)
        state = state.with_key(number, state="confirmed", holder=NOBODY)
        return state._replace(lost_race=ordinary)

    @staticmethod
    def _retired(state: State, number: int, *, at_once: bool, waits: bool) -> State:
        """Arm a key; a deadline that it has already is never lengthened."""
        key = state.keys[number]
        waits = waits and (key.waits or not key.armed)
        return state.with_key(number, armed=True, waits=waits, dead=key.dead or at_once)

    def _open_rivals(self, state: State, number: int) -> list[int]:
        rivals = self._competing(state, state.keys[number].parent)
        return [rival for rival in rivals if state.keys[rival].state == "open"]

    @staticmethod
    def _competing(state: State, parent: int) -> list[int]:
        """Return the keys that are to replace one key: its own, and those of its losers."""
        while state.keys[parent].state == "superseded":
            parent = state.keys[parent].parent
        found = state.children(parent)
        for key in found:
            if state.keys[key].state == "superseded":
                found += state.children(key)
        return found


def owner_is_locked_out(state: State) -> bool:
    """Return whether a destination holds a dead key although the owner did not lose the race."""
    return state.locked_out and not state.lost_race


def thief_outlives_the_overlap(state: State) -> bool:
    """Return whether a key of the thief works after the overlap that the owner announced.

    Asked of a successor that was used before the thief confirmed anything.
    """
    works = any(
        not key.dead and (key.stolen or number == STOLEN) for number, key in enumerate(state.keys)
    )
    return state.was_first and state.overlap_ended and not state.lost_race and works
