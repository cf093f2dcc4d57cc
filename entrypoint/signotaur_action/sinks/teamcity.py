"""A parameter of a TeamCity build, set by a service message.

https://www.jetbrains.com/help/teamcity/service-messages.html ("Escaped values", setParameter).
"""

from collections.abc import Sequence

from signotaur_action.ci.detect import System
from signotaur_action.ci.text import teamcity_message
from signotaur_action.model import Delivery
from signotaur_action.sinks.base import SinkContext, require_name, require_reader
from signotaur_action.sinks.errors import delivery_faults


class TeamcitySink:
    """``teamcity:NAME``, such as ``teamcity:env.SIGNOTAUR_API_KEY``; for later steps of the build.

    TeamCity hides the value where the build configuration has NAME as a password parameter.
    """

    durable = False

    def __init__(self, argument: str, context: SinkContext) -> None:
        require_name(
            "teamcity",
            argument,
            r"[A-Za-z][A-Za-z0-9_.*-]*",
            "a name of letters, digits and . _ * -",
        )
        self._parameter = argument
        self._context = context
        self.name = f"TeamCity parameter {argument}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``."""
        require_reader(self.name, self._context.environ, System.TEAMCITY)
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        key = delivery.key.reveal()
        message = teamcity_message("setParameter", name=self._parameter, value=key)
        with delivery_faults(self.name):
            self._context.emit(message + "\n")

    def read_back(self) -> None:
        """See ``ports.Sink``. A message cannot be read back."""
