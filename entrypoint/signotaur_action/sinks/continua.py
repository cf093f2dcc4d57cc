"""Continua CI variables, set by a message in the build log.

https://docs.finalbuilder.com: Continua CI, Custom Log Messages.
"""

import re
from collections.abc import Sequence

from signotaur_action.ci.detect import System
from signotaur_action.ci.text import continua_message
from signotaur_action.model import Delivery
from signotaur_action.sinks.base import SinkContext, SinkError, require_reader
from signotaur_action.sinks.errors import delivery_faults

_MESSAGES = {"serverVar": "setServerVariable", "buildVar": "setBuildVariable"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


class ContinuaSink:
    """``continua:serverVar=NAME`` or ``continua:buildVar=NAME``."""

    def __init__(self, argument: str, context: SinkContext) -> None:
        kind, _, variable = argument.partition("=")
        if kind not in _MESSAGES:
            raise SinkError("continua takes serverVar=NAME or buildVar=NAME")
        if not _NAME.fullmatch(variable):
            raise SinkError(f"continua:{kind}= needs a variable's name: letters, digits, _ and .")
        self._context = context
        self._message = _MESSAGES[kind]
        self._variable = variable
        self.durable = kind == "serverVar"
        self.name = f"Continua CI {kind} {variable}"

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``. Only Continua knows whether the server has the variable."""
        require_reader(self.name, self._context.environ, System.CONTINUA)
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        key = delivery.key.reveal()
        message = continua_message(self._message, name=self._variable, value=key)
        with delivery_faults(self.name):
            self._context.emit(message + "\n")

    def read_back(self) -> None:
        """See ``ports.Sink``. A message cannot be read back."""
