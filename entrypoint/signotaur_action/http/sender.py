"""Sends a request until it is answered: tries, the pauses between them, and size limits."""

import base64
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import requests
import urllib3
from requests.auth import AuthBase

from signotaur_action.http.address import ServerAddress
from signotaur_action.http.answer import retry_after
from signotaur_action.http.api_profile import ApiProfile
from signotaur_action.http.connection import WaitLimits
from signotaur_action.http.errors import (
    FOREIGN,
    HttpError,
    HttpErrorKind,
    LostAnswerError,
    NotSentError,
    network_fault,
)
from signotaur_action.http.session import new_session
from signotaur_action.http.time_budget import Deadline, TimeLeft, TimeLimit
from signotaur_action.model import Secret
from signotaur_action.ports import Clock

_CONNECT_TIMEOUT = 5.0
_LONGEST_RETRY_AFTER = 30.0
_PAUSES = (0.0, 0.4, 0.8, 1.6, 3.2)
"""Seconds before each further try; the last value is used for all later tries."""
_JITTER = 0.2
_PART = 8192


class Authentication(Protocol):
    """Who sends a request, and the headers that prove it."""

    @property
    def secrets(self) -> Sequence[Secret]:
        """What no answer may show."""

    def headers(self, url: str, request: "Request") -> Mapping[str, str]:
        """Return the headers that prove it, for one try of a request to ``url``."""


@dataclass(frozen=True)
class Credential:
    """A secret and the header that carries it, behind ``prefix``."""

    secret: Secret
    header: str = "Authorization"
    prefix: str = "Bearer "

    @property
    def secrets(self) -> Sequence[Secret]:
        """See ``Authentication``."""
        return [self.secret]

    def headers(self, _url: str, _request: "Request") -> Mapping[str, str]:
        """See ``Authentication``."""
        return {self.header: f"{self.prefix}{self.secret.reveal()}"}


@dataclass(frozen=True)
class BasicCredential:
    """A user, who may be empty, and a token or password (RFC 7617)."""

    user: str
    secret: Secret

    @property
    def secrets(self) -> Sequence[Secret]:
        """See ``Authentication``."""
        return [self.secret, Secret(self._encoded)]

    def headers(self, _url: str, _request: "Request") -> Mapping[str, str]:
        """See ``Authentication``."""
        return {"Authorization": f"Basic {self._encoded}"}

    @property
    def _encoded(self) -> str:
        return base64.b64encode(f"{self.user}:{self.secret.reveal()}".encode()).decode()


class Anonymous:
    """Sends no credential. See ``Authentication``."""

    secrets: Sequence[Secret] = ()

    def headers(self, _url: str, _request: "Request") -> Mapping[str, str]:
        """See ``Authentication``."""
        return {}


@dataclass(frozen=True)
class Request:
    """What to send; ``path`` is appended to the server's base URL."""

    method: str
    path: str
    content: bytes | None = None
    content_type: str = "application/json"
    credential: Authentication | None = None
    more_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that are not the credential's."""
        named = {} if self.content is None else {"Content-Type": self.content_type}
        return named | dict(self.more_headers)


@dataclass(frozen=True)
class Reply:
    """A complete answer; Content-Encoding is already decoded."""

    status: int
    headers: Mapping[str, str]
    """By name; case is ignored."""
    content: bytes


class Sender:
    """Sends one request at a time. Not for several threads. Its constructor may raise HttpError."""

    def __init__(
        self, address: ServerAddress, profile: ApiProfile, limit: TimeLimit, clock: Clock
    ) -> None:
        self.url = address.url
        self._profile = profile
        self._limit = limit
        self._clock = clock
        self._left = TimeLeft(clock)
        self._waits = WaitLimits(address.read_timeout.total_seconds(), self._left)
        self._verify: str | bool = str(address.ca_file) if address.ca_file else True
        if address.allow_untrusted:
            self._verify = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._session = new_session(address.proxy, self._waits, also_trusted=profile.also_trusted)
        self._session.headers.update(profile.headers)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @contextmanager
    def call(self) -> Iterator[TimeLeft]:
        """Begin a call. All requests sent inside share its time."""
        self._left.until = self._limit.begin()
        try:
            yield self._left
        finally:
            self._limit.end()

    def send(self, request: Request) -> Reply:
        """Send a request and return the answer, whatever its status.

        After a lost answer or a temporary refusal the request is sent again if its method is
        repeatable and time is left. Raises HttpError when there is no answer.
        """
        repeatable = request.method in self._profile.repeatable
        for usual_pause in _pauses(self._profile.tries - 1):
            pause = usual_pause
            try:
                reply = self._exchange(request)
            except NotSentError as fault:
                end: HttpError = fault
            except LostAnswerError as fault:
                if not repeatable:
                    raise
                end = fault
            else:
                if not (repeatable and reply.status in self._profile.temporary):
                    return reply
                pause = self._asked_pause(reply) or usual_pause
                end = self._out_of_time(f"answered {reply.status} until the time ran out")
            if pause > self._left.seconds():
                raise end
            self._clock.sleep(pause)
        return self._exchange(request)

    def _asked_pause(self, reply: Reply) -> float:
        asked = retry_after(reply.headers, self._clock.now())
        return min(asked.total_seconds(), _LONGEST_RETRY_AFTER) if asked else 0.0

    def _exchange(self, request: Request) -> Reply:
        left = self._left.seconds()
        if left <= 0:
            over = f"The time for calls to {self.url} ran out ({self._limit.name})."
            raise HttpError(over, HttpErrorKind.TIME)
        try:
            with self._session.request(
                request.method,
                self.url + request.path,
                headers=dict(request.headers),
                auth=_Proof(self.url, request) if request.credential else None,
                data=request.content,
                timeout=(min(_CONNECT_TIMEOUT, left), self._waits.seconds()),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            ) as response:
                return Reply(response.status_code, response.headers, self._content(response))
        except FOREIGN as error:
            fault = network_fault(error, self.url)
            if self._left.seconds() <= 0 and not isinstance(fault, NotSentError):
                raise self._out_of_time("did not complete its answer in time") from None
            raise fault from None

    def _content(self, response: requests.Response) -> bytes:
        """Return an answer's body. Raises HttpError if it is too large or its length is invalid."""
        length = response.headers.get("Content-Length")
        if length is not None and not re.fullmatch("[0-9]{1,18}", length.strip()):
            wrong = f"{self.url} answered with an invalid Content-Length."
            raise HttpError(wrong, HttpErrorKind.CONTENT)
        content = bytearray()  # += on bytes copies everything each time
        # Not iter_content: it waits until a whole part has arrived.
        while part := response.raw.read1(_PART, decode_content=True):
            content += part
            if len(content) > self._profile.longest_answer:
                most = f"{self._profile.longest_answer // 1024} KiB"
                raise HttpError(
                    f"{self.url} answered with more than {most}.", HttpErrorKind.CONTENT
                )
        return bytes(content)

    def _out_of_time(self, what: str) -> HttpError:
        return HttpError(f"{self.url} {what} ({self._limit.name}).", HttpErrorKind.TIME)


def single_call(
    address: ServerAddress, profile: ApiProfile, request: Request, seconds: float, clock: Clock
) -> Reply:
    """Send a request over a connection of its own; it takes so many seconds at most.

    Raises HttpError.
    """
    limit = Deadline(seconds, f"{seconds} s", clock)
    with closing(Sender(address, profile, limit, clock)) as sender, sender.call():
        return sender.send(request)


class _Proof(AuthBase):
    """Adds the headers of a credential; as an auth object no .netrc overrides it."""

    def __init__(self, url: str, request: Request) -> None:
        self._url = url
        self._request = request

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._request.credential:
            request.headers.update(self._request.credential.headers(self._url, self._request))
        return request


def _pauses(count: int) -> Iterator[float]:
    """Yield the pauses before further tries, with jitter so that jobs do not come in step."""
    for number in range(count):
        pause = _PAUSES[min(number, len(_PAUSES) - 1)]
        yield pause + random.random() * _JITTER if number else pause  # noqa: S311 - not a secret
