"""Destination files of every kind: never torn, never open to others, or refused and unchanged."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from proof.conftest import Proof
from proof.file_cells import CELLS, KINDS, OTHER, SITUATIONS, STRANGER, Cell
from proof.matrix import chosen
from support.client import run_client
from support.keys import add_keys
from support.keyserver import KeyServer

DONE, REFUSED = 0, 11
OPEN = 0o077
KEY = "sig_[0-9A-Za-z]{15}_[0-9A-Za-z]{49}"


class Reader:
    """Reads a file again and again, and remembers what it saw."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seen: set[str] = set()
        self.reads = 0

    @contextmanager
    def reading(self) -> Iterator["Reader"]:
        """Read in another thread until the block ends."""
        done = Event()
        thread = Thread(target=self._read, args=(done,))
        thread.start()
        try:
            yield self
        finally:
            done.set()
            thread.join()

    def _read(self, done: Event) -> None:
        while not done.is_set():
            self.look()
            done.wait(0.0005)

    def look(self) -> None:
        """Read once, if there is a regular file."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return
        with os.fdopen(descriptor) as file:
            self.seen.add(file.read().rstrip("\n"))
            self.reads += 1


def run(cell: Cell, path: Path, key: str, server: KeyServer) -> tuple[int, str]:
    """Rotate the key to the path, with the cell's umask."""
    command: tuple[str | Path, ...] = ("rotate-key", *server.options)
    done = run_client(
        *(*command, KINDS[cell.kind].option, path),
        *SITUATIONS[cell.situation].options,
        env={"HOME": "/nonexistent", "SIGNOTAUR_API_KEY": key},
        prefix=("sh", "-c", f'umask {cell.umask:03o}; exec "$@"', "sh"),
    )
    return done.code, done.err


def try_cell(cell: Cell, folder: Path, key: str, server: KeyServer) -> int:
    """Run a cell, and check it. Returns how often its file was read meanwhile."""
    kind, situation = KINDS[cell.kind], SITUATIONS[cell.situation]
    folder.mkdir()
    path, old = folder / "the-file", kind.holding(key)
    with situation.prepare(path, old):
        with Reader(path).reading() as reader:
            code, said = run(cell, path, key, server)
        reader.look()
        if situation.works:
            _require_replaced(cell, path, old, reader, said if code else "")
        else:
            assert code == REFUSED, said
            assert "Nothing was sent to the server" in said
            assert reader.seen <= {old.rstrip("\n")}
        names = {each.name for each in folder.iterdir()}
        assert names <= {"the-file", "target", "second", "filler"}, names
    return reader.reads


def _require_replaced(cell: Cell, path: Path, old: str, reader: Reader, said: str) -> None:
    assert said == ""
    written = path.read_text()
    whole = KINDS[cell.kind].text
    if cell.situation == "no file":
        whole = whole.removeprefix(OTHER)
    assert re.fullmatch(whole.format(KEY), written), written
    assert written != old
    # Whole at each moment: the old content or the new one, and empty before a new file was named.
    assert reader.seen <= {old.rstrip("\n"), written.rstrip("\n"), ""}, reader.seen
    status = path.stat()
    assert stat.S_IMODE(status.st_mode) & OPEN == 0, oct(status.st_mode)
    if cell.situation == "file of another user":
        assert (status.st_uid, status.st_gid) == (STRANGER, STRANGER)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_replaced_whole_or_refused(
    kind: str, shared_server: KeyServer, tmp_path: Path, proof: Proof
) -> None:
    cells = chosen([cell for cell in CELLS if cell.kind == kind], 8, f"files {kind}")
    keys = add_keys(shared_server, [f"{tmp_path.name} {number}" for number in range(len(cells))])
    with proof("destination files") as record:
        for number, (cell, key) in enumerate(zip(cells, keys, strict=True)):
            with record.point(str(cell)):
                reads = try_cell(cell, tmp_path / str(number), key, shared_server)
                record.outcomes["reads meanwhile"] += reads
