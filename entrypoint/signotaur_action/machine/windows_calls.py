"""The system calls of Windows, as a protocol: ``win32`` makes the real ones."""

import signal
from pathlib import Path
from typing import Protocol


class Calls(Protocol):
    """The system calls, with as little code as possible. All raise OSError."""

    @property
    def terminations(self) -> tuple[signal.Signals, ...]:
        """See ``port.Machine``."""

    @property
    def open_flags(self) -> int:
        """See ``port.Machine``."""

    def user(self) -> str:
        """Return the SID of this process's user."""

    def default_owner(self) -> str:
        """Return the SID that owns what this process makes: the user or a group of its."""

    def open(self, path: Path, access: int, rights: str, *, new: bool | None) -> int:
        """Open a file, and of a link the link itself; nobody can remove it then.

        ``new``: True makes it, with these rights, or fails; None makes a missing one.
        """

    def require_removable(self, path: Path) -> None:
        """Raise OSError if no file could take this one's place now."""

    def owner(self, path: Path) -> str:
        """Return the SID of a file's owner."""

    def owner_of(self, descriptor: int) -> str:
        """Return the SID of an open file's owner."""

    def rights_of(self, descriptor: int) -> str:
        """Return an open file's list of rights, in SDDL, as ``normal`` would write it."""

    def set_rights(self, descriptor: int, rights: str) -> None:
        """Give an open file this list of rights, and no inherited ones."""

    def normal(self, rights: str) -> str:
        """Return how the system itself writes a list of rights."""

    def lock(self, descriptor: int, offset: int) -> None:
        """Lock one byte of an open file. Raises PermissionError when it is taken."""

    def move(self, source: Path, target: Path) -> None:
        """Rename a file, in place of the target; on the disk on return."""

    def replace(self, copy: Path, file: Path) -> None:
        """Put a copy in a file's place, with the file's rights and attributes."""

    def disable_core_dumps(self) -> None:
        """See ``port.Machine``."""

    def end_tree(self, pid: int) -> None:
        """End a process and all that it started."""
