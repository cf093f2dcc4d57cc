"""The rotation's protocol as a small machine, for an exhaustive search.

Runs start on either of two machines, whenever they like, die anywhere, lose requests and answers,
and lose their machine's journal. Leases and deadlines end at any moment that the rules allow.
One step of a run is one thing it does that others can see. ``Rules`` are the ones the protocol
stands on; each can be taken away.

Not in the model: a person who aborts, or who extends an overlap (the old key then works longer,
which locks nobody out) or ends it (a deadline that is reached, refused without a working new key);
and messages that outlive their sender. A thief, with ``again`` and aborts, is in ``theft``.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

SOURCE = -1
"""The destination that the old key is read from; written last."""
MACHINES = (0, 1)
NOBODY = -1


@dataclass(frozen=True)
class Rules:
    """What the protocol stands on."""

    confirming_arms: bool = True
    """The old key's end is armed by the confirmation, not by the opening."""
    resuming_takes_the_lease: bool = True
    """A run that continues a journal's rotation takes its lease before anything else."""
    decided_is_decided: bool = True
    """A rotation that was decided when the lease was asked for is left alone."""
    runs_die_before_their_lease: bool = True
    """The watchdog is shorter than the lease."""
    used_before_delivered: bool = True
    """A run uses a new key before it delivers it, so an unused one is in no destination."""
    leased_apart: bool = True
    """The server lets one run at a time work on a key's rotations."""
    candidates_are_adopted: bool = True
    """A run that starts with an unconfirmed key finishes that key's rotation."""


class Key(NamedTuple):
    """A key as the server has it; ``made``: only the journal knows it."""

    parent: int
    state: str  # made, open, confirmed, superseded
    used: bool = False
    armed: bool = False
    dead: bool = False
    holder: int = NOBODY
    # Of interest to ``theft`` alone:
    stolen: bool = False
    at_once: bool = False
    in_use: bool = False
    waits: bool = False


class Run(NamedTuple):
    """A run: the step it takes next, the key it started with, the candidate it works on."""

    step: str = "gone"
    machine: int = NOBODY
    started_with: int = NOBODY
    candidate: int = NOBODY


class State(NamedTuple):
    """The whole world."""

    keys: tuple[Key, ...] = (Key(NOBODY, "confirmed"),)
    sinks: tuple[int, ...] = (0, 0)
    journals: tuple[int, ...] = (NOBODY, NOBODY)
    runs: tuple[Run, ...] = ()
    # Of interest to ``theft`` alone:
    overlap_ended: bool = False
    was_first: bool = False
    lost_race: bool = False

    @property
    def locked_out(self) -> bool:
        """Whether a destination holds a key that the server refuses."""
        return any(self.keys[key].dead for key in self.sinks)

    def alive(self, machine: int) -> bool:
        """Return whether a run lives on a machine; it holds the lock on the journal."""
        return any(run.machine == machine for run in self.runs)

    def children(self, key: int) -> list[int]:
        """Return the successors of a key that the server knows."""
        known = range(len(self.keys))
        return [k for k in known if self.keys[k].parent == key and self.keys[k].state != "made"]

    def with_key(self, key: int, **changes: object) -> "State":
        """Return this state with one key changed."""
        keys = list(self.keys)
        keys[key] = keys[key]._replace(**changes)  # type: ignore[arg-type]
        return self._replace(keys=tuple(keys))

    def with_run(self, run: int, **changes: object) -> "State":
        """Return this state with one run changed."""
        runs = list(self.runs)
        runs[run] = runs[run]._replace(**changes)  # type: ignore[arg-type]
        return self._replace(runs=tuple(runs))

    def gone(self, run: int) -> "State":
        """Return this state after the end of a run."""
        return self._replace(runs=(*self.runs[:run], Run(), *self.runs[run + 1 :]))

    def with_journal(self, machine: int, key: int) -> "State":
        """Return this state with another journal on one machine."""
        journals = list(self.journals)
        journals[machine] = key
        return self._replace(journals=tuple(journals))


Step = tuple[str, State]


class Protocol:
    """All that can happen next, under the given rules."""

    def __init__(self, rules: Rules, runs: int = 3, candidates: int = 2, sinks: int = 2) -> None:
        self.rules = rules
        self.limit = runs
        self.start = State(sinks=(0,) * sinks)
        self.candidates = candidates
        """Unconfirmed successors that one key may have."""

    def steps(self, state: State) -> Iterator[Step]:
        """Return every step from a state: those of runs, of mishaps and of time."""
        for number, run in enumerate(state.runs):
            if run.step != "gone":
                yield from self.run(state, number)
                yield f"run {number} dies", state.gone(number)
        yield from self._starts(state)
        yield from self._losses(state)
        yield from self._time(state)

    def _starts(self, state: State) -> Iterator[Step]:
        if len(state.runs) == self.limit:
            return
        for machine in MACHINES:
            if not state.alive(machine):
                run = Run("look", machine, state.sinks[SOURCE])
                label = f"run {len(state.runs)} starts on machine {machine}"
                yield label, state._replace(runs=(*state.runs, run))

    def _losses(self, state: State) -> Iterator[Step]:
        for machine in MACHINES:
            if state.journals[machine] != NOBODY and not state.alive(machine):
                lost = state.with_journal(machine, NOBODY)
                yield f"the journal of machine {machine} is lost", lost

    def _time(self, state: State) -> Iterator[Step]:
        for number, key in enumerate(state.keys):
            if key.armed and not key.dead:
                yield f"key {number} ends", state.with_key(number, dead=True)
            leased = key.holder != NOBODY
            paused = leased and state.runs[key.holder].step != "gone"
            if leased and not (paused and self.rules.runs_die_before_their_lease):
                yield f"the lease on key {number} ends", state.with_key(number, holder=NOBODY)

    # The client

    def run(self, state: State, number: int) -> Iterator[Step]:
        """Return what one run can do next; a lost answer is a request that is sent again."""
        run = state.runs[number]
        name, _, sink = run.step.partition(" to ")
        step = partial(self._deliver, int(sink)) if sink else getattr(self, f"_{name}")
        for what, then in step(state, number, run):
            yield f"run {number} {what}", then

    def _look(self, state: State, number: int, run: Run) -> Iterator[Step]:
        remembered = state.journals[run.machine]
        mine = state.keys[run.started_with]
        family = [*state.children(run.started_with), *state.children(mine.parent)]
        if remembered != NOBODY:
            yield "finds a journal", state.with_run(number, step="ask", candidate=remembered)
        elif mine.dead:
            yield "is refused", state.gone(number)
        elif mine.state == "open":
            if not self.rules.candidates_are_adopted:
                yield "is refused: a candidate", state.gone(number)
                return
            adopted = state.with_journal(run.machine, run.started_with)
            yield "adopts", adopted.with_run(number, step="lease", candidate=run.started_with)
        elif any(state.keys[key].state == "confirmed" for key in family if key != run.started_with):
            yield "is told of the successor", state.gone(number)
        else:
            made = state._replace(keys=(*state.keys, Key(run.started_with, "made")))
            candidate = len(state.keys)
            made = made.with_journal(run.machine, candidate)
            yield f"makes key {candidate}", made.with_run(number, step="open", candidate=candidate)

    def _ask(self, state: State, number: int, run: Run) -> Iterator[Step]:
        key = state.keys[run.candidate]
        if key.state == "made":
            yield "repeats the opening", state.with_run(number, step="open")
        elif key.state == "open" and not key.dead:
            step = "lease" if self.rules.resuming_takes_the_lease else "use"
            yield "learns that it is open", state.with_run(number, step=step)
        elif key.state == "confirmed" and not key.dead and not state.children(run.candidate):
            yield "learns that it is confirmed", state.with_run(number, step="clear")
        else:
            over = state.with_journal(run.machine, NOBODY)
            yield "learns that it is over", over.with_run(number, step="look", candidate=NOBODY)

    def _lease(self, state: State, number: int, run: Run) -> Iterator[Step]:
        key = state.keys[run.candidate]
        if key.dead or self._busy(state, key.parent, number):
            yield "is refused the lease", state.gone(number)
        elif key.state == "open":
            leased = state.with_key(run.candidate, holder=number)
            yield "takes the lease", leased.with_run(number, step="use")
        elif self.rules.decided_is_decided:
            over = state.with_journal(run.machine, NOBODY)
            yield "comes too late", over.with_run(number, step="look", candidate=NOBODY)
        else:
            yield "overlooks the answer", state.with_run(number, step="use")

    def _open(self, state: State, number: int, run: Run) -> Iterator[Step]:
        opened = self._opened(state, number, run.candidate)
        if opened is None:
            yield "is refused", state.with_journal(run.machine, NOBODY).gone(number)
            return
        if opened != state:
            yield "opens, and the answer is lost", opened
        yield "opens", opened.with_run(number, step="use")

    def _use(self, state: State, number: int, run: Run) -> Iterator[Step]:
        if state.keys[run.candidate].dead:
            yield "finds its key dead", state.gone(number)
        else:
            used = state.with_key(run.candidate, used=self.rules.used_before_delivered)
            yield "uses its key", used.with_run(number, step="deliver to 0")

    def _deliver(self, sink: int, state: State, number: int, run: Run) -> Iterator[Step]:
        sinks = (*state.sinks[:sink], run.candidate, *state.sinks[sink + 1 :])
        after = "confirm" if sink + 1 == len(sinks) else f"deliver to {sink + 1}"
        delivered = state._replace(sinks=sinks).with_run(number, step=after)
        yield f"delivers to destination {sink}", delivered

    def _confirm(self, state: State, number: int, run: Run) -> Iterator[Step]:
        confirmed = self._confirmed(state, number, run.candidate)
        if confirmed is None:
            yield "is refused", state.gone(number)
            return
        if confirmed != state:
            yield "confirms, and the answer is lost", confirmed
        yield "confirms", confirmed.with_run(number, step="clear")

    def _clear(self, state: State, number: int, run: Run) -> Iterator[Step]:
        yield "is done", state.with_journal(run.machine, NOBODY).gone(number)

    # The server

    def _busy(self, state: State, parent: int, holder: int) -> bool:
        holders = {state.keys[key].holder for key in self._candidates(state, parent)}
        return self.rules.leased_apart and bool(holders - {NOBODY, holder})

    def _opened(self, state: State, holder: int, candidate: int) -> State | None:
        parent = state.keys[candidate].parent
        known = state.keys[candidate].state != "made"
        others = [key for key in state.children(parent) if key != candidate]
        if state.keys[parent].dead or self._busy(state, parent, holder):
            return None
        if any(state.keys[key].state == "confirmed" for key in others):
            return None
        if not known:
            candidates = self._candidates(state, parent)
            if len(candidates) >= self.candidates:
                idle = [key for key in candidates if not state.keys[key].used]
                if not idle:
                    return None
                state = state.with_key(idle[0], state="superseded", dead=True, holder=NOBODY)
            if not self.rules.confirming_arms:
                state = state.with_key(parent, armed=True)
        return state.with_key(candidate, state="open", holder=holder)

    def _confirmed(self, state: State, holder: int, candidate: int) -> State | None:
        key = state.keys[candidate]
        if key.dead or key.state == "superseded":
            return None
        if key.state == "confirmed":
            return state
        others = [k for k in self._candidates(state, key.parent) if k != candidate]
        if self.rules.leased_apart and {state.keys[k].holder for k in others} - {NOBODY, holder}:
            return None
        for other in others:
            state = state.with_key(other, state="superseded", armed=True, holder=NOBODY)
        state = state.with_key(key.parent, armed=True)
        return state.with_key(candidate, state="confirmed", holder=NOBODY)

    @staticmethod
    def _candidates(state: State, parent: int) -> list[int]:
        return [key for key in state.children(parent) if state.keys[key].state == "open"]


@dataclass(frozen=True)
class Found:
    """What a search found: how many states, and the shortest way to a bad one."""

    states: int
    lock_out: tuple[str, ...] | None


def locked_out(state: State) -> bool:
    """Return whether a destination holds a key that the server refuses."""
    return state.locked_out


def search(protocol: Protocol, is_bad: Callable[[State], bool] = locked_out) -> Found:
    """Visit every state that can be reached, nearest first; stop at the first bad one."""
    start = protocol.start
    came: dict[State, tuple[State, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        if is_bad(state):
            return Found(len(came), _way(came, state))
        for label, then in protocol.steps(state):
            if then not in came:
                came[then] = (state, label)
                waiting.append(then)
    return Found(len(came), None)


def reachable(protocol: Protocol) -> Iterator[State]:
    """Return every state that can be reached."""
    seen = {protocol.start}
    waiting = deque(seen)
    while waiting:
        state = waiting.popleft()
        yield state
        for _, then in protocol.steps(state):
            if then not in seen:
                seen.add(then)
                waiting.append(then)


def undisturbed(protocol: Protocol, state: State, machine: int) -> State:
    """Let the leases end, a last run start, and nothing disturb it."""
    for number, key in enumerate(state.keys):
        if key.holder != NOBODY:
            state = state.with_key(number, holder=NOBODY)
    number = len(state.runs)
    state = state._replace(runs=(*state.runs, Run("look", machine, state.sinks[SOURCE])))
    while state.runs[number].step != "gone":
        *_, (_, state) = protocol.run(state, number)
    return state


def _way(came: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    labels: list[str] = []
    before = came[state]
    while before is not None:
        labels.append(before[1])
        before = came[before[0]]
    return tuple(reversed(labels))
