"""The system calls of a run of the client, counted and disturbed by strace."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "openat", "read", "write", "pread64", "pwrite64", "fsync", "renameat", "renameat2", "unlink",
    "unlinkat", "mkdir", "fchmod", "fchown", "ftruncate", "flock", "newfstatat", "fstat", "close",
    "socket", "connect", "sendto", "recvfrom",
)  # fmt: skip
_STRACE = ("strace", "-y", "-qq")


@dataclass(frozen=True)
class Call:
    """One system call of a run: the ``number``-th of its name."""

    name: str
    number: int
    on_file: bool
    on_journal: bool = False
    asked: bool = False
    """Whether anything was sent before it."""
    alone: bool = False
    """Whether the calls of the programs that the client starts are not counted."""

    def killed(self) -> tuple[str, ...]:
        """Return the program that kills the client at this call."""
        return self._disturbed("signal=SIGKILL")

    def failed(self, code: str) -> tuple[str, ...]:
        """Return the program that lets this call of the client fail."""
        return self._disturbed(f"error={code}")

    def _disturbed(self, how: str) -> tuple[str, ...]:
        inject = f"inject={self.name}:{how}:when={self.number}"
        strace = (*_STRACE, *_followed(self.alone))
        return (*strace, "-o", "/dev/null", "-e", f"trace={self.name}", "-e", inject)


def logged_to(log: Path, *, alone: bool = False) -> tuple[str, ...]:
    """Return the program that writes the calls of the client to a file."""
    return (*_STRACE, *_followed(alone), "-o", str(log), "-e", f"trace={','.join(CALLS)}")


def calls_in(log: Path, folder: Path, *, alone: bool = False) -> Sequence[Call]:
    """Return the logged calls on files of a folder, and on sockets."""
    counts = dict.fromkeys(CALLS, 0)
    found = []
    asked = False
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(?:\d+ +)?(\w+)\(", line)
        if match is None or match[1] not in counts:
            continue
        counts[match[1]] += 1
        on_file = str(folder) in line
        on_socket = "<socket:" in line or "<TCP:" in line
        asked |= on_socket and match[1] in ("write", "sendto")
        if on_file or on_socket:
            on_journal = ".rotation" in line
            found.append(Call(match[1], counts[match[1]], on_file, on_journal, asked, alone))
    return found


def _followed(alone: bool) -> tuple[str, ...]:  # noqa: FBT001 - a field of Call
    return () if alone else ("-f",)
