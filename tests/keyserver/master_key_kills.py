"""Kill a change of the master key before each line of it; look after each kill.

A program and not a module for tests: it forks, which a test process with threads should not.
It prints how many kills there were.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from signotaur_keyserver.database.database import Database, sqlite_url
from signotaur_keyserver.database.migrate import migrate
from signotaur_keyserver.pki import master_key as vaults
from signotaur_keyserver.pki.master_key import Sealer
from signotaur_keyserver.pki.material import Material
from signotaur_keyserver.pki.selfsigned import KeyType, self_signed
from signotaur_keyserver.pki.subjects import subject_name
from signotaur_keyserver.service import certificates
from signotaur_keyserver.service import master_key as service
from signotaur_keyserver.service.event_verification import verify_events
from signotaur_keyserver.store import sealed
from signotaur_keyserver.store.event_chain import ChainKey

_COUNTED = (vaults.__file__, service.__file__, sealed.__file__)


def opened(folder: Path) -> tuple[Database, Sealer]:
    """The server's database and sealer, as a process that has just started."""
    sealer = Sealer.in_folder(folder)
    database = Database(sqlite_url(folder / "keyserver.db"), chain_key=ChainKey(sealer))
    return database, sealer


def rotate(folder: Path) -> None:
    """Change the master key."""
    service.rotate_master_key(*opened(folder))


def check(folder: Path) -> None:
    """Raise unless everything can be opened."""
    database, sealer = opened(folder)
    verify_events(database)
    with database.read() as connection:
        for each in sealed.every(connection):
            assert sealer.unseal(each.secret, each.name)
    database.close()


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Do work in a child that dies before its n-th line; whether it died."""
    child = os.fork()
    if child == 0:
        _die_at(number, work)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def _die_at(number: int, work: Callable[[], None]) -> None:
    left = number

    def line(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in _COUNTED:
            return None
        if event == "line":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    code = 1
    try:
        sys.settrace(line)
        work()
        code = 0
    finally:
        os._exit(code)  # a child never returns into its parent's code


def _given(made: Material, _now: datetime) -> Material:
    return made


def main(folder: Path) -> None:
    """Make a server's data, then change its master key again and again."""
    database, sealer = opened(folder)
    migrate(database)
    for name in ("one", "two"):
        made = self_signed(
            subject_name(f"CN={name}"), KeyType.EC_P256, datetime.now(UTC), timedelta(days=9)
        )
        certificates.add_certificate(database, sealer, name, partial(_given, made))
    database.close()
    check(folder)
    kills = 0
    while killed_at(kills + 1, lambda: rotate(folder)):
        kills += 1
        check(folder)
        if not kills % 5:  # at times a whole one; else the next kill hits the repair, too
            rotate(folder)
            check(folder)
    check(folder)
    rotate(folder)
    assert sorted(path.name for path in folder.glob("master*")) == ["master.key"]
    sys.stdout.write(f"{kills}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
