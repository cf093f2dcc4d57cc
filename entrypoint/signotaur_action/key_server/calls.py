"""Calls to a key server: every failure on the way is a ServerError with its next step.

Every call may be repeated (GET, PUT, and the POST that signs a digest: signed twice, it is not
signed differently), so network errors, 429 and 5xx are retried within one total deadline.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from signotaur_action.errors import ServerError
from signotaur_action.http import (
    TEMPORARY,
    TOO_MANY,
    Answer,
    ApiProfile,
    Credential,
    Deadline,
    HttpClient,
    HttpError,
    HttpErrorKind,
    ServerAddress,
)
from signotaur_action.model import Secret
from signotaur_action.ports import Clock
from signotaur_wire.members import Json, WireError

T = TypeVar("T")

_PROFILE = ApiProfile(
    kind="a key server",
    repeatable=("GET", "PUT", "POST"),
    temporary=TEMPORARY | {TOO_MANY},
)
NEXT_STEPS = {
    HttpErrorKind.REDIRECT: "Set --sign-server to the server's own address.",
    HttpErrorKind.CERTIFICATE: "Set --ca-file to the certificate of the authority that signed "
    "it, or replace the server's certificate.",
}


class KeyServerCalls:
    """Sends one request at a time, with the key in the Authorization header only."""

    def __init__(self, address: ServerAddress, clock: Clock) -> None:
        self._deadline = Deadline(address.timeout.total_seconds(), "--timeout", clock)
        profile = replace(_PROFILE, tries=1 + address.retries)
        self._client = HttpClient(address, profile, self._deadline, clock)

    def begin_again(self) -> None:
        """Give the next calls the whole time again, for a run whose calls cannot be counted."""
        self._deadline.renew()

    def call(self, method: str, path: str, key: Secret, body: Json | None = None) -> Answer:
        """Send a request and return its JSON answer, whatever its status. Raises ServerError."""
        try:
            return self._client.call(method, path, Credential(key), body)
        except HttpError as fault:
            raise ServerError(str(fault), next_step=NEXT_STEPS.get(fault.kind)) from None


def read_document(read: Callable[[object], T], answer: Answer, server: str) -> T:
    """Return what an answer says, as ``read`` understands it. Raises ServerError."""
    try:
        return read(answer.document)
    except WireError as error:
        raise ServerError(
            f"{server} sent a response that this client does not understand: {error}."
        ) from None
