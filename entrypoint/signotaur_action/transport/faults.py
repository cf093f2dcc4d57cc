"""What can go wrong on the way to an answer. Whoever called turns it into an error of the user's.

Foreign exceptions are never shown whole: some of them print the headers.
"""

import ssl
from enum import Enum, auto

import requests
import urllib3


class FaultKind(Enum):
    """What a caller may want to tell apart."""

    NETWORK = auto()
    CERTIFICATE = auto()
    REDIRECT = auto()
    TIME = auto()
    CONTENT = auto()
    """Too large, too slow, or nothing that this client reads."""


class HttpFault(Exception):
    """No answer came. The text is a whole sentence that names the address and holds no secret."""

    def __init__(self, text: str, kind: FaultKind = FaultKind.NETWORK) -> None:
        super().__init__(text)
        self.kind = kind


class OutOfTime(urllib3.exceptions.TimeoutError):
    """No time is left for another try; ``status`` is what the server answered last."""

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


FOREIGN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""Everything that the libraries raise for a network that fails."""


def network_fault(error: Exception, url: str, time_name: str) -> HttpFault:
    """Return what a foreign exception means; ``time_name`` says what sets the time."""
    cause = _root_cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        refused = f"The certificate of {url} is refused: {cause.verify_message}."
        return HttpFault(refused, FaultKind.CERTIFICATE)
    if isinstance(cause, OutOfTime) and cause.status is not None:
        late = f"{url} answered {cause.status} until the time was over ({time_name})."
        return HttpFault(late, FaultKind.TIME)
    if isinstance(error, requests.exceptions.ProxyError):
        return HttpFault(f"The proxy on the way to {url} fails: {_reason(cause)}.")
    return HttpFault(f"{url} cannot be reached: {_reason(cause)}.")


def reason(error: BaseException) -> str:
    """Return in few words why a call failed."""
    return _reason(_root_cause(error))


def _root_cause(error: BaseException) -> BaseException:
    """Return the innermost exception: requests and urllib3 wrap the real one three times."""
    inner = getattr(error, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((part for part in error.args if isinstance(part, BaseException)), None)
    inner = inner or error.__cause__ or error.__context__
    return error if inner is None or inner is error else _root_cause(inner)


def _reason(cause: BaseException) -> str:
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return f"the connection failed ({type(cause).__name__})"
