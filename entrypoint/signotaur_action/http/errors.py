"""What can go wrong on the way to an answer. The caller turns it into an error for the user.

Foreign exceptions are never shown whole: some of them print the headers.
"""

import http.client
import ssl
from collections.abc import Iterator
from enum import Enum, auto

import requests
import urllib3


class HttpErrorKind(Enum):
    """Causes that a caller may want to distinguish."""

    NETWORK = auto()
    CERTIFICATE = auto()
    REDIRECT = auto()
    TIME = auto()
    CONTENT = auto()
    """Too large, or in a form that this client does not read."""


class HttpError(Exception):
    """No answer came. The text is a whole sentence with the address and without a secret."""

    def __init__(self, text: str, kind: HttpErrorKind = HttpErrorKind.NETWORK) -> None:
        super().__init__(text)
        self.kind = kind


class NotSentError(HttpError):
    """There was no connection, so the server did not get the request: repeating is safe."""


class LostAnswerError(HttpError):
    """The answer was incomplete, stalled or missing: the server may have acted or not."""


FOREIGN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""Everything that the libraries raise for a network that fails."""

_PASSING = (
    http.client.HTTPException,
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.TimeoutError,
    ConnectionError,
    TimeoutError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)
"""Failures of the connection itself. Others, like a refused certificate, do not go away."""


def network_fault(error: Exception, url: str) -> HttpError:
    """Return what a foreign exception means."""
    causes = list(_causes(error))
    cause = causes[-1]
    if isinstance(cause, ssl.SSLCertVerificationError):
        refused = f"The certificate of {url} is not trusted: {cause.verify_message}."
        return HttpError(refused, HttpErrorKind.CERTIFICATE)
    unreachable = f"{url} cannot be reached: {_reason(cause)}."
    if isinstance(error, requests.exceptions.ProxyError):
        unreachable = f"The proxy for {url} failed: {_reason(cause)}."
    if any(isinstance(each, urllib3.exceptions.ConnectTimeoutError) for each in causes):
        return NotSentError(unreachable)
    passing = any(isinstance(each, _PASSING) for each in causes)
    return LostAnswerError(unreachable) if passing else HttpError(unreachable)


def reason(error: BaseException) -> str:
    """Return in few words why a call failed."""
    *_, cause = _causes(error)
    return _reason(cause)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes: requests and urllib3 wrap the real one three times."""
    yield error
    inner = getattr(error, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((part for part in error.args if isinstance(part, BaseException)), None)
    inner = inner or error.__cause__ or error.__context__
    if inner is not None and inner is not error:
        yield from _causes(inner)


def _reason(cause: BaseException) -> str:
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return f"the connection failed ({type(cause).__name__})"
