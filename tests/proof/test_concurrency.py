"""Many processes rotate one key at once, and processes that wake after their lease has ended."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from queue import Queue
from time import monotonic, sleep

import pytest

from proof.conftest import Proof
from proof.lanes import LANES
from proof.matrix import Record, amount, batches, chosen
from proof.virtual_world import LEASE_AND_MORE, VirtualServer
from rotation.locations import KeyFile
from signotaur_action.model import Secret
from signotaur_keyserver.database.database import Database
from support.client import run_client
from support.kill import Ended, Nursery

DONE, BUSY, ALREADY_ROTATED = 0, 14, 15
PROCESSES, ROUNDS = amount(8, 50), amount(2, 40)
WATCHDOG = 5
"""Seconds; a run of a busy machine may die by it before it is stopped."""
DATABASES = ("SQLite", "PostgreSQL")


@pytest.fixture
def server(database: Database) -> Iterator[VirtualServer]:
    """A server on that database, in this process, with a clock that a test moves."""
    with VirtualServer(database) as server:
        yield server


@pytest.mark.parametrize("database", DATABASES, indirect=True)
def test_of_many_processes_exactly_one_rotates(
    server: VirtualServer, tmp_path: Path, proof: Proof
) -> None:
    keys = [server.add_key("ci")]
    with proof("concurrent runs") as record:
        for number in range(ROUNDS):
            if record.is_late:
                break
            folders = [tmp_path / f"{number} {process}" for process in range(PROCESSES)]
            with ThreadPoolExecutor(PROCESSES) as pool:
                codes = list(pool.map(lambda folder: rotate(server, keys[-1], folder), folders))
            for code in codes:
                record.count(f"exit code {code}")
            record.points += PROCESSES
            keys.append(winner(server, keys[-1], codes, folders))
        assert [key for key in keys if server.lasts(key)] == keys[-1:]


def rotate(server: VirtualServer, key: Secret, folder: Path) -> int:
    """Rotate a key into a file of a folder, as a machine of its own; return the exit code."""
    folder.mkdir()
    return run_client(
        *("rotate-key", "--write-key-file", folder / "key.txt", "--sign-server", server.url),
        env={"SIGNOTAUR_API_KEY": key.reveal(), "HOME": str(folder)},
    ).code


def winner(server: VirtualServer, old: Secret, codes: list[int], folders: list[Path]) -> Secret:
    """Return the one new key. Fails if there is none or another one, or if a file is left."""
    assert codes.count(DONE) == 1, codes
    assert set(codes) <= {DONE, BUSY, ALREADY_ROTATED}, codes
    assert server.works(old), "the old key works until the overlap ends"
    written = [folder for folder in folders if (folder / "key.txt").exists()]
    assert written == [folders[codes.index(DONE)]]
    assert not [file for folder in folders for file in folder.rglob("*.rotation")]
    key = Secret((written[0] / "key.txt").read_text().strip())
    assert server.works(key)
    return key


class PausedRuns:
    """Runs that stop themselves at a line, and go on after another machine has rotated the key."""

    def __init__(self, server: VirtualServer, folder: Path, record: Record) -> None:
        self._server = server
        self._folder = folder
        self._record = record
        self._number = count().__next__
        self.nurseries: Queue[Nursery] = Queue()

    def lines(self) -> int:
        """Return how many lines an undisturbed run has."""
        nursery = self.nurseries.get()
        ended = nursery.run(*self._command(self._place(), "one"))
        self.nurseries.put(nursery)
        assert ended.code == DONE, ended.err
        return ended.lines

    def pause(self, line: int) -> None:
        """Stop a run at a line, let another one rotate, and let the first go on."""
        place = self._place()
        nursery = self.nurseries.get()
        with self._record.point(f"line {line}"), ThreadPoolExecutor(1) as pool:
            arguments, env = self._command(place, "one")
            run = pool.submit(
                nursery.run,
                arguments,
                env | {"SIGNOTAUR_WATCHDOG_SECONDS": str(WATCHDOG)},
                kill_at=line,
                by=signal.SIGSTOP,
            )
            while not run.done() and not _is_stopped(nursery.child()):
                sleep(0.01)
            stopped = monotonic()
            self._server.pass_time(LEASE_AND_MORE)
            other = run_client(*self._command(place, "two")[0], env=place.env)
            assert other.code in (DONE, BUSY), other.err
            before = place.file.read_bytes()
            sleep(max(0.0, stopped + WATCHDOG + 0.3 - monotonic()))
            _wake(nursery.child())
            self._check(place, run.result(), before)
        self.nurseries.put(nursery)

    def _check(self, place: KeyFile, ended: Ended, before: bytes) -> None:
        assert ended.code == -signal.SIGALRM, f"{ended.code}: {ended.err}"
        assert place.file.read_bytes() == before, "wrote after its lease"
        assert self._server.works(Secret(place.held())), "locked out"
        arguments, env = self._command(place, "two")
        again = run_client(*arguments, env=env)
        assert again.code == DONE, again.err
        assert self._server.lasts(Secret(place.held())), "the last key does not last"

    def _place(self) -> KeyFile:
        name = f"paused {self._number()}"
        return KeyFile(self._folder / name, self._server.add_key(name).reveal())

    def _command(
        self, place: KeyFile, machine: str
    ) -> tuple[tuple[str | Path, ...], dict[str, str]]:
        state = ("--state-dir", place.folder / machine)
        words = ("rotate-key", *place.arguments, "--sign-server", self._server.url, *state)
        return words, place.env


def _is_stopped(process: int | None) -> bool:
    try:
        return process is not None and "\nState:\tT" in Path(f"/proc/{process}/status").read_text()
    except OSError:  # it has just ended
        return False


def _wake(process: int | None) -> None:
    if process is not None:
        os.kill(process, signal.SIGCONT)


@pytest.mark.parametrize("database", ["SQLite"], indirect=True)
def test_a_process_that_wakes_after_its_lease_writes_nothing(
    server: VirtualServer, tmp_path: Path, proof: Proof
) -> None:
    with proof("runs paused past their lease") as record:
        runs = PausedRuns(server, tmp_path, record)
        with ThreadPoolExecutor(LANES) as pool:
            opened = [Nursery(tmp_path / f"nursery {number}") for number in range(LANES)]
            for nursery in opened:
                nursery._out.parent.mkdir()
                runs.nurseries.put(nursery.__enter__())
            # Before its first lines there is no watchdog yet, and no lease that it could outlive.
            total = runs.lines()
            lines = range(total // 20, total - total // 20)
            for batch in batches(record, chosen(lines, 6, "paused", 300), LANES):
                list(pool.map(runs.pause, batch))
            for nursery in opened:
                nursery.__exit__()
