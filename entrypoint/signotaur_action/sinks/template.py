"""The key on stdout in a form that the user gives."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from signotaur_action.model import Delivery
from signotaur_action.sinks.base import SinkContext, SinkError, require_reader
from signotaur_action.sinks.errors import delivery_faults
from signotaur_wire.members import format_time

_TOKEN = re.compile(r"\{\{([^{}]*)\}\}")


def _time(moment: datetime | None) -> str:
    return "" if moment is None else format_time(moment)


_TOKENS: dict[str, Callable[[Delivery], str]] = {
    "secret": lambda delivery: delivery.key.reveal(),
    "keyId": lambda delivery: str(delivery.key_id),
    "expiry": lambda delivery: _time(delivery.expires_at),
    "overlapEnd": lambda delivery: _time(delivery.overlap_end),
    "name": lambda delivery: delivery.name,
}


class TemplateSink:
    """``template:FORMAT`` with the five documented tokens, replaced in one pass.

    One pass: a key's name with ``{{secret}}`` is never expanded. Nothing is quoted. The form is
    the documented one; the templates of ``init`` have another (``workflows.text``), because
    workflows are full of GitHub's ``${{ }}``.
    """

    durable = False
    name = "stdout (template)"

    def __init__(self, template: str, context: SinkContext) -> None:
        unknown = sorted(set(_TOKEN.findall(template)) - set(_TOKENS))
        if unknown:
            known = " ".join(f"{{{{{token}}}}}" for token in _TOKENS)
            shown = " ".join(f"{{{{{token}}}}}" for token in unknown)
            raise SinkError(f"the template has unknown tokens: {shown} (known: {known})")
        if "{{secret}}" not in template:
            raise SinkError("the template does not contain {{secret}}: the new key would be lost")
        self._template = template
        self._context = context

    def check(self) -> Sequence[str]:
        """See ``ports.Sink``."""
        require_reader(self.name, self._context.environ)
        return []

    def deliver(self, delivery: Delivery) -> None:
        """See ``ports.Sink``."""
        text = _TOKEN.sub(lambda match: _TOKENS[match[1]](delivery), self._template)
        with delivery_faults(self.name):
            self._context.emit(text + "\n")

    def read_back(self) -> None:
        """See ``ports.Sink``. What was printed cannot be read."""
