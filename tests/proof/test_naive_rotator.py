"""The same faults for a naive rotator and for this client: who is locked out, who is stuck."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from threading import Event

import pytest

from e2e.client_harness import Ledger
from proof.conftest import Proof
from proof.matrix import Record, amount, chosen
from support.client import BARE, CLIENT
from support.front import Exchange, Fault, Front
from support.keyserver import KeyServer

NAIVE = Path(__file__).with_name("naive_rotator.py")
Command = Callable[[str, Path], list[str]]


def _naive(days: int) -> Command:
    return lambda url, file: [sys.executable, str(NAIVE), url, str(file), str(days)]


def _ours(url: str, file: Path) -> list[str]:
    key = ("--af", str(file), "--wk", str(file))
    return [*CLIENT, "rotate-key", *key, "--sign-server", url, "--timeout", "30s"]


ROTATORS: Mapping[str, Command] = {
    "naive, old key ends at once": _naive(0),
    "naive, old key ends on a timer": _naive(1),
    "this client": _ours,
}
CALLS = ("rotation", "confirmation")
KINDS = ("killed before", "killed after", "answer lost", "503", "page of a proxy", "answer cut")
CUTS = amount(2, 15)
"""At how many places an answer is cut."""
FAULTS = [
    each for each in product(CALLS, KINDS, range(CUTS)) if each[1] == "answer cut" or each[2] == 0
]


class Attempt:
    """One rotator, one key, one fault."""

    def __init__(self, server: KeyServer, front: Front, folder: Path, command: Command) -> None:
        self._front, self._command = front, command
        self._ledger = Ledger(server)
        self.server, self.old = server, self._ledger.add()
        folder.mkdir()
        self.file = folder / "key.txt"
        self.file.write_text(f"{self.old}\n")
        self.file.chmod(0o600)
        self._started = Event()
        self._pid = 0

    def run(self) -> int:
        """Run the rotator to its end, and return its exit code."""
        self._started.clear()
        process = subprocess.Popen(
            self._command(self._front.url, self.file),
            env=BARE | {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(self.file.parent)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._pid = process.pid
        self._started.set()
        return process.wait(300)

    def kill(self) -> None:
        """Kill the rotator that runs."""
        assert self._started.wait(60)
        os.kill(self._pid, signal.SIGKILL)

    @property
    def locked_out(self) -> bool:
        """Whether the builds that read the file have no key once the overlap is over."""
        held = self.file.read_text().strip()
        if not held or not self.server.accepts(held):
            return True
        return self._ledger.of(held)["revoke_due_utc"] is not None

    @property
    def lost(self) -> bool:
        """Whether the key that replaces the old one is in no file any more."""
        if self._ledger.of(self.old)["revoke_due_utc"] is None:
            return False
        kept = b"".join(path.read_bytes() for path in self.file.parent.rglob("*.txt*"))
        kept += b"".join(path.read_bytes() for path in self.file.parent.rglob("*.rotation"))
        made = self._ledger.successors(self.old)
        return not any(each["public_id"].encode() in kept for each in made)


def _fault(call: str, kind: str, place: int, attempt: Attempt) -> Fault:
    """Return a fault that happens once, at the first such call."""
    left = [True]

    def fault(exchange: Exchange) -> bool:
        is_call = exchange.method == "PUT" and (call == "confirmation") == (
            "confirmation" in exchange.path
        )
        if not is_call or not left:
            return False
        left.clear()
        if kind == "killed before":
            attempt.kill()
            exchange.drop()
        elif kind in ("503", "page of a proxy"):
            status = 503 if kind == "503" else 502
            exchange.answer(status, {"Content-Type": "text/html"}, b"<html>")
        else:
            _after_work(exchange, kind, place, attempt)
        return True

    return fault


def _after_work(exchange: Exchange, kind: str, place: int, attempt: Attempt) -> None:
    status, headers, body = exchange.forward()
    if kind == "answer cut":
        exchange.answer(status, headers, body[: place * len(body) // CUTS])
        return
    if kind == "killed after":
        attempt.kill()
    exchange.drop()


@pytest.fixture
def attempts(plain_server: KeyServer, front: Front, tmp_path: Path) -> Callable[[str], Attempt]:
    count = iter(range(10_000))
    return lambda name: Attempt(plain_server, front, tmp_path / str(next(count)), ROTATORS[name])


@pytest.mark.parametrize("name", ROTATORS)
def test_what_a_fault_does(
    name: str, attempts: Callable[[str], Attempt], front: Front, proof: Proof
) -> None:
    with proof("naive rotators") as record:
        for call, kind, place in chosen(FAULTS, 8, "peers"):
            with record.point(f"{name}: {call}, {kind} {place}"):
                attempt = attempts(name)
                front.faults[:] = [_fault(call, kind, place, attempt)]
                attempt.run()
                front.faults.clear()
                _judge(attempt, record, ours=name == "this client")
        if name != "this client":
            assert record.outcomes["locked out"] > 0, "these faults hurt nobody"
            assert record.outcomes["stuck"] > 0


def _judge(attempt: Attempt, record: Record, *, ours: bool) -> None:
    """Look at what the fault left, run the same command again, and look once more."""
    for what, happened in (("locked out", attempt.locked_out), ("key lost", attempt.lost)):
        record.outcomes[what] += happened
        assert not (ours and happened), what
    if not attempt.lost and attempt.file.read_text().strip() != attempt.old:
        return  # the fault did not stop it
    stuck = attempt.run() != 0
    record.outcomes["stuck"] += stuck
    record.outcomes["locked out for good"] += attempt.locked_out
    assert not (ours and (stuck or attempt.locked_out))
