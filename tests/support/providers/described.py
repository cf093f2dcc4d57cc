"""A stand-in whose calls are compared with the service's published description."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from support.providers.exchange import Call, Reply, fail
from support.providers.openapi import Description
from support.providers.standin import StandIn
from support.tls import Certificate


class RefusedError(Exception):
    """Ends a call with a refusal of the service."""

    def __init__(self, status: int, body: Any = None) -> None:
        super().__init__(status, body)
        self.reply = Reply(status, body)


class DescribedStandIn(StandIn):
    """A service whose calls fit ``description``: an OpenAPI file with what is used of it."""

    description: Path

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self._description = Description(self.description)

    @abstractmethod
    def serve(self, call: Call, body: Any) -> Reply:
        """Do the service's work; ``body`` is the JSON of the call, empty where it has none.

        Raises RefusedError.
        """

    def throttle(self, seconds: int = 1, *, times: int = 1) -> None:
        """Refuse the next calls; ``Retry-After`` says for how long."""
        headers, body = {"Retry-After": str(seconds)}, {"message": "Too many requests."}
        self.faults.append(fail("", "", 429, headers=headers, body=body, times=times))

    def handle(self, call: Call) -> Reply:
        """Answer a call, and check both sides of it."""
        body = call.json if call.body else None
        try:
            reply = self.serve(call, body or {})
        except RefusedError as refused:
            reply = refused.reply
        for text in self._description.check(call.method, call.path, body, reply.status, reply.body):
            self.violation(text)
        return reply
