"""A program that a run starts: limited in time, and ended with everything that it started."""

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from signotaur_action.ci.disclosure import discloses
from signotaur_action.ci.redaction import Redaction
from signotaur_action.ci.text import escape_untrusted
from signotaur_action.machine import MACHINE
from signotaur_action.model import Secret
from signotaur_action.process import signals_deferred

_GRACE_SECONDS = 1
"""For the last output of a program that has ended."""
_LAST_LINES = 5
_KEPT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    code: int | None
    """The exit code; None for a program that took too long and was stopped."""
    output: bytes
    """The end of its output, at most 64 KiB."""


def run_program(
    words: Sequence[str],
    environ: Mapping[str, str],
    seconds: float,
    *,
    stdin: int,
    stdout: int = subprocess.PIPE,
) -> Ended:
    """Run a program and return how it ended. Raises OSError when it cannot be started.

    ``stdin``, ``stdout``: descriptors, or ``subprocess.DEVNULL``. The output that is returned is
    stderr, and stdout if it has no descriptor of its own.
    """
    merged = stdout == subprocess.PIPE
    program: subprocess.Popen[bytes] | None = None
    try:
        # A signal while the program starts would leave nobody who could end it.
        with signals_deferred():
            program = subprocess.Popen(  # noqa: S603 - the user's own program, in their words
                words,
                env=environ,
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                start_new_session=True,  # so that all of it can be ended
            )
        tail = Tail(program.stdout if merged else program.stderr)
        tail.start()
        code: int | None = program.wait(seconds)
        tail.join(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        code = None
    except BaseException:  # a signal ends this run: the program must not live on with the key
        _end(program)
        raise
    # The program goes on, or something that it left behind.
    if tail.is_alive() or code is None:
        _end(program)
        tail.join(_GRACE_SECONDS)
    return Ended(code, tail.kept)


def last_lines(output: bytes, *keys: Secret) -> str:
    """Return the end of a program's output in one line, without the keys in any form of a mask.

    If it still contains parts of a key, in pieces, in short lines or in another form, nothing of
    it is shown: what a harmless line leaves out, the next one may add.
    """
    text = output.decode(errors="replace").replace("\0", "")  # of UTF-16, as some programs write
    text = Redaction(keys).replace(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()][-_LAST_LINES:]
    if any(discloses("".join(lines), key) for key in keys):
        return "; its output is not shown, because it contains parts of the key"
    return f": {' / '.join(map(escape_untrusted, lines))}" if lines else ""


class Tail(threading.Thread):
    """Reads a program's output and keeps the end of it, however long it is."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        super().__init__(daemon=True)  # what keeps the stream open does not keep us
        self._stream = stream
        self.kept = b""

    def run(self) -> None:
        """Read until nobody can write any more."""
        if self._stream is None:
            return
        with self._stream as stream:
            while part := os.read(stream.fileno(), _KEPT_BYTES):
                self.kept = (self.kept + part)[-_KEPT_BYTES:]


def _end(program: subprocess.Popen[bytes] | None) -> None:
    if program is not None:
        MACHINE.end_program(program)
        program.wait()
