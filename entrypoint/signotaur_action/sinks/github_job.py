"""The key as a step output or a variable of a GitHub job: later steps read it, other jobs never.

The runner drops a masked value from job outputs, so neither destination outlives the job.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from signotaur_action.ci.runner_files import append
from signotaur_action.ci.text import file_record
from signotaur_action.errors import (
    DestinationRefusedError,
    os_reason,
)
from signotaur_action.model import Delivery, Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import delivery_faults

_OUTPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OUR_OUTPUTS = frozenset(
    {
        "rotated",
        "key-id",
        "old-key-id",
        "expires-at",
        "overlap-end",
        "rotation-id",
        "confirmed",
    }
)
_RESERVED_VARIABLES = re.compile(r"(GITHUB|RUNNER|ACTIONS|INPUT|LD)_.*|NODE_OPTIONS|PATH|HOME|CI")


class _CommandFile:
    """One record appended to a file that the runner reads when the step has ended."""

    durable = False

    def __init__(self, variable: str, record_name: str, context: SinkContext) -> None:
        self._variable = variable
        self._record_name = record_name
        self._path: Path | None = context.file_of(variable)
        self._written: tuple[str, Secret] | None = None
        self.name = f"${variable} {record_name} (for this job's later steps)"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. The runner's file must be there: it is never made or replaced."""
        if self._path is None:
            raise DestinationRefusedError(
                f"{self.name} cannot be used: {self._variable} is not set, so this is not a step "
                "of a GitHub job."
            )
        try:
            with self._path.open("r+b"):
                pass
        except OSError as error:
            reason = os_reason(error)
            raise DestinationRefusedError(
                f"{self.name} cannot be used: {reason}.",
                next_step="Run the container as root, as GitHub requires for container actions.",
            ) from None
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        record = file_record(self._record_name, delivery.key.reveal())
        with delivery_faults(self.name):
            append(self._path, record)
        self._written = (record, delivery.key)

    def read_back(self) -> Secret | None:
        """See ``ports.Sink``. Proves that this run's record is complete in the file."""
        if self._written is None or self._path is None:
            return None
        record, key = self._written
        with delivery_faults(self.name):
            return key if record.encode() in self._path.read_bytes() else None


class GithubOutputSink(_CommandFile):
    """``github-output`` or ``github-output:NAME``; the name is ``api-key`` unless given."""

    def __init__(self, argument: str, context: SinkContext) -> None:
        name = argument or "api-key"
        if not _OUTPUT_NAME.fullmatch(name):
            raise SinkError("github-output: the value must be a name of letters, digits, _ and -")
        if name.lower() in _OUR_OUTPUTS:  # the runner ignores case
            raise SinkError(f"github-output:{name} is the name of another output of this action")
        super().__init__("GITHUB_OUTPUT", name, context)


class GithubEnvSink(_CommandFile):
    """``github-env:NAME``."""

    def __init__(self, argument: str, context: SinkContext) -> None:
        if not _VARIABLE_NAME.fullmatch(argument):
            raise SinkError("github-env: the value must be a name of letters, digits and _")
        if _RESERVED_VARIABLES.fullmatch(argument.upper()):
            raise SinkError(f"github-env:{argument} is a variable that belongs to the runner")
        super().__init__("GITHUB_ENV", argument, context)
