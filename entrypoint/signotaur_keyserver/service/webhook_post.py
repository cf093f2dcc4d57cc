"""One POST to a webhook, by the rules of ``https``."""

from collections.abc import Mapping
from dataclasses import dataclass

from signotaur_keyserver.service.https import HttpsClient, HttpsError

_ACCEPTED = range(200, 300)


class UndeliveredError(Exception):
    """An attempt failed. The message contains nothing that the receiver sent."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Poster(HttpsClient):
    """Posts with fixed rules."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a body; return the status, which is 2xx. Raises UndeliveredError."""
        try:
            status, _body = self.send("POST", url, body, headers, 0)
        except HttpsError as error:
            raise UndeliveredError(str(error)) from None
        if status not in _ACCEPTED:
            raise UndeliveredError(f"the receiver answered {status}", status)
        return status
