"""The key alone on stdout: what happens when no destination is named."""

from collections.abc import Sequence

from signotaur_action.model import Delivery
from signotaur_action.sinks.base import SinkContext, require_reader
from signotaur_action.sinks.errors import delivery_faults


class StdoutSink:
    """Writes the key and a line end, nothing else."""

    durable = False
    name = "stdout"

    def __init__(self, context: SinkContext) -> None:
        self._context = context

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. In a GitHub job stdout is the log, where the key would be hidden."""
        require_reader(self.name, self._context.environ)
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        with delivery_faults(self.name):
            self._context.emit(delivery.key.reveal() + "\n")

    def read_back(self) -> None:
        """See ``ports.Sink``. What was printed cannot be read."""
