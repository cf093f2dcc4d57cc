"""The files by which a step of a GitHub job sets outputs, variables and its summary."""

import errno
import os
from pathlib import Path

from signotaur_action.machine import MACHINE


def append(path: Path | None, text: str) -> None:
    """Append to a file of the runner in one write, in place: all of it or nothing. Raises OSError.

    The file must be there: the runner made it, and one that we made it would never read. What
    another program left there without a line end is ended first, or it would swallow the text.
    """
    if path is None:
        return
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | MACHINE.open_flags)
    try:
        end = os.fstat(descriptor).st_size
        unended = end > 0 and MACHINE.read_at(descriptor, 1, end - 1) != b"\n"
        encoded = (f"\n{text}" if text and unended else text).encode()
        if os.write(descriptor, encoded) != len(encoded):
            os.ftruncate(descriptor, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
