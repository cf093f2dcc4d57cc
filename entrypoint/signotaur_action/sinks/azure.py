"""A secret variable of an Azure Pipelines job, set by a command in its log.

https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands (task.setvariable,
"Formatting commands": ``%`` is written ``%AZP25``).
"""

from collections.abc import Sequence

from signotaur_action.ci.detect import System
from signotaur_action.ci.text import azure_command
from signotaur_action.model import Delivery
from signotaur_action.sinks.base import (
    SinkContext,
    SinkError,
    read_argument,
    require_name,
    require_reader,
)
from signotaur_action.sinks.errors import delivery_faults


class AzureSink:
    """``azure:NAME``, for this job; ``azure:NAME,output=true`` for later jobs of the run as well.

    Neither outlives the run.
    """

    durable = False

    def __init__(self, argument: str, context: SinkContext) -> None:
        variable, settings = read_argument("azure", argument, ("output",))
        require_name(
            "azure", variable, r"[A-Za-z_][A-Za-z0-9_.]*", "a name of letters, digits, _ and ."
        )
        if settings.get("output", "true") not in ("true", "false"):
            raise SinkError("azure: output= must be true or false")
        self._is_output = settings.get("output") == "true"
        self._variable = variable
        self._context = context
        self.name = f"Azure Pipelines variable {variable}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``."""
        require_reader(self.name, self._context.environ, System.AZURE)
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``. A secret variable is masked by the agent from then on."""
        settings = {"variable": self._variable, "issecret": "true"}
        if self._is_output:
            settings["isoutput"] = "true"
        key = delivery.key.reveal()
        with delivery_faults(self.name):
            self._context.emit(azure_command("task.setvariable", key, **settings) + "\n")

    def read_back(self) -> None:
        """See ``ports.Sink``. A command cannot be read back."""
