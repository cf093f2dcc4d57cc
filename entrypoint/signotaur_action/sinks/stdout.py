"""The key alone on stdout: what happens when no destination is named."""

from collections.abc import Sequence

from signotaur_action.errors import DestinationRefused
from signotaur_action.model import Delivery
from signotaur_action.sinks.base import SinkContext
from signotaur_action.sinks.faults import delivery_faults


class StdoutSink:
    """Writes the key and a line end, nothing else."""

    durable = False
    name = "stdout"

    def __init__(self, context: SinkContext) -> None:
        self._context = context

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. In a GitHub job stdout is the log, where the key would be hidden."""
        if self._context.environ.get("GITHUB_ACTIONS") == "true":
            raise DestinationRefused(
                "No destination is named, and stdout is the job's log here: the new key would "
                "be masked there and lost.",
                next_step="Name one: --write-key-file, --write-env-file or --emit-secret.",
            )
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            self._context.emit(delivery.key.reveal() + "\n")

    def read_back(self) -> None:
        """See ``ports.Sink``. What was printed cannot be read."""
