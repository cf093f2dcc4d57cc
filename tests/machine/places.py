"""The machines that the contract is run over: this one, and Windows over a POSIX file system."""

import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.machine import MACHINE, Machine
from signotaur_action.machine.rights import are_kept, owner_only
from signotaur_action.machine.windows import Windows

if sys.platform != "win32":
    from machine.fake_calls import USER, FakeCalls


@dataclass(frozen=True)
class MachineUnderTest:
    """One machine, and how to see that only the owner may use a file."""

    machine: Machine
    is_private: Callable[[Path], bool]


def here() -> MachineUnderTest:
    """Return this machine, with its own system calls."""
    if isinstance(MACHINE, Windows):
        return MachineUnderTest(MACHINE, _has_private_rights)
    return MachineUnderTest(MACHINE, lambda path: stat.S_IMODE(path.stat().st_mode) == 0o600)


def windows_elsewhere() -> MachineUnderTest:
    """Return Windows with system calls that are made of others."""
    calls = FakeCalls()
    wanted = calls.normal(owner_only(USER))
    return MachineUnderTest(
        Windows(calls, sleep=lambda _: None), lambda path: are_kept(calls.rights_at(path), wanted)
    )


def _has_private_rights(path: Path) -> bool:
    assert isinstance(MACHINE, Windows)
    calls = MACHINE._calls
    descriptor = MACHINE.open_file(path, os.O_RDONLY)
    try:
        return are_kept(calls.rights_of(descriptor), calls.normal(owner_only(calls.user())))
    finally:
        os.close(descriptor)


PLACES = {"here": here} | ({} if sys.platform == "win32" else {"windows": windows_elsewhere})
