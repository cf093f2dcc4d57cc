"""The token exchange (RFC 8693): the ID token of a job becomes a key for a few minutes."""

from dataclasses import replace
from urllib.parse import urlencode

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.errors import ServerError, SignotaurError, UnauthorizedError
from signotaur_action.http import (
    TEMPORARY,
    TOO_MANY,
    Anonymous,
    Answer,
    ApiProfile,
    Deadline,
    HttpClient,
    HttpError,
    ServerAddress,
)
from signotaur_action.key_server.calls import NEXT_STEPS, read_document
from signotaur_action.key_server.problems import refusal
from signotaur_action.model import Secret
from signotaur_action.ports import Clock
from signotaur_wire import paths
from signotaur_wire.exchange import GRANT_TYPE, ID_TOKEN, ExchangeAnswer
from signotaur_wire.problems import Problem

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_UNSUPPORTED = (404, 405)
_LATER = TEMPORARY | {TOO_MANY}


def _pause(answer: Answer) -> float | None:
    """Return how long to wait where the server did nothing, and may do it later."""
    if answer.status not in _LATER or answer.retry_after is None:
        return None
    return answer.retry_after.total_seconds()


# A POST whose answer was lost is not sent again: the server takes a token once.
_PROFILE = ApiProfile(kind="a key server", repeatable=("GET",), pause=_pause)


def exchange(address: ServerAddress, clock: Clock, token: Secret) -> Secret:
    """Return the key that a server gives for an ID token.

    Raises UnauthorizedError when the server does not accept the token, and ServerError.
    """
    form = {
        "grant_type": GRANT_TYPE,
        "subject_token": token.reveal(),
        "subject_token_type": ID_TOKEN,
    }
    limit = Deadline(address.timeout.total_seconds(), "--timeout", clock)
    try:
        client = HttpClient(address, replace(_PROFILE, tries=1 + address.retries), limit, clock)
        answer = client.call(
            "POST",
            paths.TOKEN_EXCHANGE,
            Anonymous(),
            urlencode(form).encode(),
            hide=[token],
            headers=_FORM,
        )
    except HttpError as fault:
        raise ServerError(str(fault), next_step=NEXT_STEPS.get(fault.kind)) from None
    if answer.refused:
        raise _refusal(answer, address.url)
    return Secret(read_document(ExchangeAnswer.from_json, answer, address.url).access_token)


def _refusal(answer: Answer, server: str) -> SignotaurError:
    if answer.text("type") == Problem.INVALID_GRANT:
        detail = escape_untrusted(answer.text("detail"))
        return UnauthorizedError(
            f"{server} does not accept the ID token of this job: {detail}",
            next_step="Ask an administrator for a trust that allows this job. The events of the "
            "server show the claims of the token.",
        )
    if answer.status in _UNSUPPORTED:
        return ServerError(
            f"{server} has no token exchange ({answer.status}).",
            next_step="Check --sign-server, or use an API key.",
        )
    return refusal(answer, server)
