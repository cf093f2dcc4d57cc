"""What the client needs of an operating system, as a protocol.

All methods that take a path or a descriptor raise OSError; ``strerror`` is for people.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Folder(Protocol):
    """A folder that is opened once. All names below are names in it, without a slash."""

    def status(self) -> os.stat_result:
        """Return the folder's own status."""

    def is_at(self, path: Path) -> bool:
        """Return whether the path still leads to this folder, and not to another one."""

    def names(self) -> list[str]:
        """Return the names of everything in it."""

    def status_of(self, name: str) -> os.stat_result:
        """Return the status of what has this name; of a link, the link's own."""

    def open(self, name: str, access: int) -> int:
        """Open an existing file; ``access`` is ``os.O_RDONLY``, ``O_WRONLY`` or ``O_RDWR``.

        A link is not followed.
        """

    def create(self, name: str) -> int:
        """Make and open a file that only its owner can use, from its first moment on."""

    def publish(self, name: str, final: str) -> None:
        """Give a file its final name, in place of what has it: all or nothing, and durable."""

    def remove(self, name: str) -> None:
        """Remove a file if it is still there."""

    def close(self) -> None:
        """Close the folder."""


@dataclass(frozen=True)
class Limits:
    """What a program may use, each time for one process."""

    cpu_seconds: int
    memory: int
    """Bytes of address space, mapped files included."""
    file_size: int
    """Bytes that a file which it writes may have."""
    open_files: int


class Machine(Protocol):
    """One operating system."""

    @property
    def open_flags(self) -> int:
        """The flags that every ``os.open`` needs: no child process inherits, no byte changes."""

    @property
    def has_posix_modes(self) -> bool:
        """Whether a file's mode says who may use it."""

    # Private files

    def open_private(self, path: Path) -> int:
        """Open a file to read and write; a link is not followed, a missing file is made private."""

    def claim(self, descriptor: int) -> None:
        """Prove that an open file belongs to this user, and make it private.

        Raises OSError where that cannot be proved: nothing secret may be written then.
        """

    def why_not_replaceable(self, path: Path, status: os.stat_result) -> str | None:
        """Return why an existing file cannot be replaced and keep its owner; None if it can."""

    def why_owner_not_kept(self, file: os.stat_result, folder: os.stat_result) -> str | None:
        """Return why a new file may not be given to the owner of the file it replaces.

        A user who can write to the folder could have planted that file, to own the next one.
        """

    def folder(self, path: Path) -> Folder:
        """Open a folder."""

    def set_owner(self, descriptor: int, model: os.stat_result) -> None:
        """Make a file private, and give it the owner of ``model``.

        If the owner cannot be set, the file stays this user's.
        """

    def close_to_others(self, descriptor: int) -> None:
        """Make a file private to its owner."""

    def publish_copy(self, copy: Path, file: Path) -> None:
        """Put a finished copy in a file's place, with the rights that the file has."""

    # Locks

    def lock(self, descriptor: int) -> None:
        """Lock a file for this process until the descriptor is closed or the process ends.

        Raises BlockingIOError when another one has the lock.
        """

    def is_at(self, path: Path, descriptor: int) -> bool:
        """Return whether the open file is the one that the path names."""

    def take_back(self, path: Path, descriptor: int) -> None:
        """Take back an open file: remove it, or empty it where an open file cannot be removed."""

    def release(self, path: Path, descriptor: int) -> None:
        """Close a locked file and remove it, unless another process waits for it.

        Never raises for a file that stays.
        """

    # Content

    def read_at(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read from a place in a file."""

    def write_at(self, descriptor: int, content: bytes, offset: int) -> int:
        """Write to a place in a file, by one call; return how many bytes were taken."""

    def sync(self, descriptor: int) -> None:
        """Return when the file's content is on the disk."""

    def sync_folder(self, path: Path) -> None:
        """Return when the folder's names are on the disk."""

    # The process

    @property
    def interrupts(self) -> tuple[signal.Signals, ...]:
        """The signals by which a person ends a program."""

    @property
    def terminations(self) -> tuple[signal.Signals, ...]:
        """The signals by which another program ends one."""

    def unblock(self, signals: set[signal.Signals]) -> None:
        """Let signals in that the parent process had blocked."""

    def start_watchdog(self, seconds: float, last_words: str) -> None:
        """End this process when the time is over, even if it is blocked.

        ``last_words`` are printed where the process itself can still do it.
        """

    def end_watchdog(self) -> None:
        """End the watchdog."""

    def disable_core_dumps(self) -> None:
        """Prevent core dumps, which would contain the memory of this process."""

    def limited(self, command: Sequence[str], limits: Limits) -> Sequence[str]:
        """Return the command that starts a program with these limits, and without core dumps.

        It also has no network. Lower limits of this process are kept. Where a system lacks a
        limit, or does not let this user cut a program off, the program runs without it.
        """

    def end_program(self, program: "subprocess.Popen[bytes]") -> None:
        """End a program, started with ``start_new_session``, and what it started itself."""

    def code_of_child_of_pid_1(self, last_words: str) -> int | None:
        """Return None, in a child if this process is PID 1, and in PID 1 the child's exit code.

        ``last_words`` are printed for a child that its watchdog ended.
        """
