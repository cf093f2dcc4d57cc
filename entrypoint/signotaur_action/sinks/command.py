"""The key on the standard input of a program that the user names: the way to every other store.

The key is never an argument, which process lists show, and never a variable. The program's exit
code decides. No shell reads the text: it is only split as a shell would.
"""

import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from signotaur_action.ci.text import escape_own_line, escape_untrusted
from signotaur_action.errors import DeliveryError, DestinationRefusedError
from signotaur_action.model import Delivery, Secret
from signotaur_action.program import last_lines, run_program
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError, delivery_faults
from signotaur_wire.members import format_optional_time, format_time

SECONDS = 60
"""A program that takes longer is ended, or one for which the run has no time left."""


class CommandSink:
    """``command:PROGRAM ARGUMENT…``.

    The program gets the key alone, without a line end, which many stores would keep; its
    environment is the job's, without every variable with the old or the new key, and with
    SIGNOTAUR_KEY_ID, SIGNOTAUR_KEY_NAME, SIGNOTAUR_KEY_EXPIRES_AT and SIGNOTAUR_OVERLAP_END.
    ``GH_TOKEN`` and other tokens stay: the program may need them.
    """

    durable = True

    def __init__(self, argument: str, context: SinkContext, seconds: float = SECONDS) -> None:
        try:
            self._words = shlex.split(argument)
        except ValueError as error:
            raise SinkError(f"command: cannot be split into words: {error}") from None
        if not self._words:
            raise SinkError("command: needs a program and its arguments")
        self._environ = {
            name: value
            for name, value in context.environ.items()
            if name not in context.key_variables
        }
        self._old_key = context.old_key
        self._seconds = seconds
        servers = context.servers()
        self._budget, self._clock = servers.budget, servers.clock
        # Whole: of two commands with one name, only the first would be given the key.
        self.name = f"command {escape_own_line(shlex.join(self._words))}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. The program must be there; what it does only its run can show."""
        if self._program() is None:
            raise DestinationRefusedError(
                f"{self.name} cannot be used: "
                f"{escape_untrusted(self._words[0])} is not a program on this machine.",
                next_step="Install it or give its full path. The action's image contains no other "
                "programs: install the client on the runner, or use the action in the folder cli "
                "(docs/install.md).",
            )
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        environ = self._environ_of(delivery)
        with delivery_faults(self.name):
            words = [self._program() or "", *self._words[1:]]
            # Filled before the program starts: one that found its standard input empty, because
            # this process was killed just then, would store an empty key.
            with self._time() as seconds, _pipe_that_holds(delivery.key) as stdin:
                ended = run_program(words, environ, seconds, stdin=stdin)
        if ended.code != 0:
            late = ended.code is None
            how = "was stopped: it took too long" if late else f"ended with {ended.code}"
            raise DeliveryError(f"{self.name} {how}{last_lines(ended.output, delivery.key)}.")

    def read_back(self) -> None:
        """See ``ports.Sink``. Only the program knows where the key is."""

    def _environ_of(self, delivery: Delivery) -> dict[str, str]:
        keys = [each.reveal() for each in (self._old_key, delivery.key) if each is not None]
        passed = {
            name: value
            for name, value in self._environ.items()
            if not any(key in value for key in keys)
        }
        return passed | _facts(delivery)

    @contextmanager
    def _time(self) -> Iterator[float]:
        """Yield the seconds that this program may take of what all stores of the run have."""
        until = self._budget.begin()
        try:
            left = until - self._clock.monotonic()
            if left <= 0:
                raise StoreRefusedError(f"no time is left ({self._budget.name})")
            yield min(self._seconds, left)
        finally:
            self._budget.end()

    def _program(self) -> str | None:
        return shutil.which(self._words[0], path=self._environ.get("PATH", os.defpath))


@contextmanager
def _pipe_that_holds(key: Secret) -> Iterator[int]:
    """Yield the end to read of a pipe that contains the key and nothing else."""
    reading, writing = os.pipe()
    try:
        os.write(writing, key.reveal().encode())  # fits into any pipe, so writing never waits
    finally:
        os.close(writing)
    try:
        yield reading
    finally:
        os.close(reading)


def _facts(delivery: Delivery) -> dict[str, str]:
    return {
        "SIGNOTAUR_KEY_ID": str(delivery.key_id),
        "SIGNOTAUR_KEY_NAME": delivery.name,
        "SIGNOTAUR_KEY_EXPIRES_AT": format_optional_time(delivery.expires_at) or "",
        "SIGNOTAUR_OVERLAP_END": format_time(delivery.overlap_end),
    }
