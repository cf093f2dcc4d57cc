"""Kill a piece of work before each of its system calls, one process after the other.

A program and not a module for tests: it forks, which a test process with threads should not.
It stops each child by SIGKILL before its n-th call into C, for n = 1, 2, 3 … until one ends.
"""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from uuid import UUID

from signotaur_action.files.atomic import OwnerOnlyFile
from signotaur_action.files.journal import JournalPlace
from signotaur_action.model import JournalEntry, RotationIntent, Secret

OLD = b"old" * 2000 + b"\n"
NEW = b"brand-new" * 500 + b"\n"
LONGER = b"longer" * 3000 + b"\n"
SINK = "key file /key"
KEY = Secret("an-old-key-of-the-vendor")
SERVER = "https://server"


def killed_at_each_call(work: Callable[[], None]) -> Iterator[None]:
    """Do the work in children; come back after each kill, and last after one that ended."""
    number = 0
    while True:
        number += 1
        child = os.fork()
        if child == 0:
            _work_until(number, work)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        yield
        if code != -signal.SIGKILL:
            if code:
                raise SystemExit(f"the work failed by itself: {code}")
            return


def _work_until(number: int, work: Callable[[], None]) -> None:
    left = number

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        if event == "c_call":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.setprofile(count)
        work()
        sys.setprofile(None)
    except BaseException:  # noqa: BLE001 - a child never returns into its parent's code
        os._exit(1)
    os._exit(0)


def replace(path: Path) -> Counter[str]:
    """Replace a file's content; tell what stood there after each kill."""
    seen: Counter[str] = Counter()
    for new in (NEW, LONGER):
        names = {
            OLD: "old",
            new: "new",
            new.ljust(len(OLD), b"\n"): "new" if len(new) >= len(OLD) else "padded",
        }
        path.write_bytes(OLD)
        for _ in killed_at_each_call(lambda new=new: OwnerOnlyFile(path).replace(new)):  # type: ignore[misc]
            seen[names.get(path.read_bytes(), "TORN")] += 1
            leftovers = [each for each in path.parent.iterdir() if each != path]
            seen["leftovers"] += bool(leftovers)
            seen["readable leftovers"] += any(each.stat().st_mode & 0o077 for each in leftovers)
            OwnerOnlyFile(path).remove_leftovers()
            seen["left at last"] += len(list(path.parent.iterdir())) - 1
            path.write_bytes(OLD)
    return seen


def journal(path: Path) -> Counter[str]:
    """Begin, record and clear a file's journal; tell what the next run finds after each kill."""
    place = JournalPlace(path)
    intent = RotationIntent(
        UUID(int=7),
        Secret("sig_candidate-0123456789"),
        7,
        auto_revoke=True,
        again=False,
        holder="h",
    )
    begun = path.with_name("begun")

    def work() -> None:
        with place.locked(KEY, SERVER) as journal:
            journal.begin(JournalEntry(SERVER, KEY.fingerprint(), intent))
            begun.touch()
            journal.record_delivered(SINK)
            begun.unlink()
            journal.clear()

    seen: Counter[str] = Counter()
    for _ in killed_at_each_call(work):
        with place.locked(KEY, SERVER) as found:
            entry = found.entry
            if entry is None:
                seen["LOST" if begun.exists() else "nothing"] += 1
            elif entry.intent == intent and entry.server == SERVER:
                seen["delivered" if entry.delivered == {SINK} else "begun"] += 1
            else:
                seen["WRONG"] += 1
            found.clear()
        begun.unlink(missing_ok=True)
    return seen


if __name__ == "__main__":
    work = {"replace": replace, "journal": journal}[sys.argv[1]]
    sys.stdout.write(json.dumps(work(Path(sys.argv[2]))))
