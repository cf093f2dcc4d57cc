"""One exchange after the other with one server: a secret in one header, JSON both ways."""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
import urllib3
from requests.auth import AuthBase

from signotaur_action.ci_text import inert_value
from signotaur_action.model import Secret
from signotaur_action.transport.address import ServerAddress
from signotaur_action.transport.faults import FOREIGN, FaultKind, HttpFault, network_fault
from signotaur_action.transport.session import (
    CONNECT_TIMEOUT,
    READ_TIMEOUT,
    TEMPORARY,
    Bounds,
    bounded_retry,
    content_of,
    new_session,
    retry_after,
)
from signotaur_action.transport.timing import TimeLimit
from signotaur_wire.limits import MAX_BODY_BYTES
from signotaur_wire.members import Json

_FIRST_REFUSAL = 400
_TORN_ANSWERS = 3
_HIDDEN = "***"


@dataclass(frozen=True)
class Credential:
    """A secret and the header that carries it, behind ``prefix``."""

    secret: Secret
    header: str = "Authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True)
class Answer:
    """A server's answer; ``document`` is not yet checked against any protocol."""

    status: int
    document: object
    """What the JSON says; None where the answer had none."""
    retry_after: timedelta | None
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name, in whatever case it is asked for."""

    @property
    def said_at(self) -> datetime:
        """The server's time of the answer (RFC 9110 6.6.1): never ours, where it is told."""
        try:
            return parsedate_to_datetime(self.headers.get("Date", "")).astimezone(UTC)
        except ValueError:
            return datetime.now(UTC)

    @property
    def refused(self) -> bool:
        """Whether the server did not do what was asked."""
        return self.status >= _FIRST_REFUSAL

    def member(self, name: str) -> object:
        """Return a member of the JSON object; None where there is none."""
        return self.document.get(name) if isinstance(self.document, dict) else None

    def text(self, name: str) -> str:
        """Return a member that is a text; empty where there is none."""
        value = self.member(name)
        return value if isinstance(value, str) else ""

    def moment(self, name: str) -> datetime | None:
        """Return a member that is an ISO 8601 time with its zone; None where there is none."""
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            return None
        return moment if moment.tzinfo else None


@dataclass(frozen=True)
class Manners:
    """How one kind of server is talked to."""

    kind: str
    """What should answer, as messages say: ``a key server``, ``GitHub``."""
    repeatable: Collection[str]
    """Methods that may be sent again when nobody knows whether they arrived."""
    temporary: Collection[int] = TEMPORARY
    headers: Mapping[str, str] = field(default_factory=dict)
    json_only: bool = True
    """Whether anything else than JSON is no answer; else answers may be empty, refusals prose."""
    longest_answer: int = MAX_BODY_BYTES
    """In bytes."""
    pause: Callable[[Answer], float | None] = lambda _answer: None
    """How many seconds an answer asks to wait before the same call again; None: it is final."""
    also_trusted: Sequence[Path] = ()
    """PEM files of authorities that are trusted besides the usual ones."""


class HttpClient:
    """Sends one request at a time. Not for several threads. Making it may raise HttpFault."""

    def __init__(self, address: ServerAddress, manners: Manners, limit: TimeLimit) -> None:
        self.url = address.url
        self._manners = manners
        self._limit = limit
        self._verify: str | bool = str(address.ca_file) if address.ca_file else True
        if address.allow_untrusted:
            self._verify = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._retry = bounded_retry(manners.repeatable, manners.temporary)
        self._session = new_session(address.proxy, self._retry, also_trusted=manners.also_trusted)
        self._session.headers.update(manners.headers)

    def call(
        self,
        method: str,
        path: str,
        credential: Credential,
        body: Json | None = None,
        *,
        hide: Collection[Secret] = (),
    ) -> Answer:
        """Send a request and return its answer, whatever its status.

        ``hide``: what else the body holds that the answer must not show, besides the credential.
        Raises HttpFault when no answer came within the time: network, TLS, redirect, another
        content, or more of it than the manners allow.
        """
        hidden = (credential.secret, *hide)
        self._retry.deadline = deadline = self._limit.begin()
        try:
            while True:
                answer = self._whole(method, path, credential, body, hidden)
                pause = self._manners.pause(answer)
                if pause is None or time.monotonic() + pause > deadline:
                    return answer
                time.sleep(pause)
        finally:
            self._limit.end()

    def _whole(
        self,
        method: str,
        path: str,
        credential: Credential,
        body: Json | None,
        hidden: Collection[Secret],
    ) -> Answer:
        tries = _TORN_ANSWERS if method in self._manners.repeatable else 1
        while True:
            tries -= 1
            try:
                return self._exchange(method, path, credential, body, hidden)
            except urllib3.exceptions.ProtocolError as error:
                # The answer broke off in its body, where urllib3's Retry is over already.
                if not tries:
                    raise network_fault(error, self.url, self._limit.name) from None
            except FOREIGN as error:
                raise network_fault(error, self.url, self._limit.name) from None

    def _exchange(
        self,
        method: str,
        path: str,
        credential: Credential,
        body: Json | None,
        hidden: Collection[Secret],
    ) -> Answer:
        left = self._retry.deadline - time.monotonic()
        if left <= 0:
            over = f"The time for talking to {self.url} is over ({self._limit.name})."
            raise HttpFault(over, FaultKind.TIME)
        with self._session.request(
            method,
            self.url + path,
            auth=_Header(credential),
            json=body,
            timeout=(min(CONNECT_TIMEOUT, left), min(READ_TIMEOUT, left)),
            verify=self._verify,
            allow_redirects=False,
            stream=True,
        ) as response:
            return self._answer(response, [each.reveal() for each in hidden])

    def _answer(self, response: requests.Response, hidden: Collection[str]) -> Answer:
        bounds = Bounds(self._manners.longest_answer, self._retry.deadline, self._limit.name)
        content = content_of(response, self.url, bounds)
        for text in hidden:  # a proxy's error page may repeat the request's headers
            content = content.replace(text.encode(), _HIDDEN.encode())
        if response.is_redirect:
            raise HttpFault(
                f"{self.url} answered with a redirect ({response.status_code}); a key is never "
                "sent on.",
                FaultKind.REDIRECT,
            )
        return Answer(
            response.status_code,
            self._document(response, content, hidden),
            retry_after(response),
            response.headers,
        )

    def _document(
        self, response: requests.Response, content: bytes, hidden: Collection[str]
    ) -> object:
        if not (content or self._manners.json_only):
            return None
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            if response.status_code >= _FIRST_REFUSAL and not self._manners.json_only:
                return None
            kind = response.headers.get("Content-Type", "no content type")
            for text in hidden:
                kind = kind.replace(text, _HIDDEN)
            raise HttpFault(
                f"{self.url} answered {response.status_code} with {inert_value(kind)}, which is no "
                f"answer of {self._manners.kind}. Is a proxy or another server in the way?",
                FaultKind.CONTENT,
            ) from None


class _Header(AuthBase):
    """Puts a secret into its header; as an auth object no .netrc overrides it."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        credential = self._credential
        request.headers[credential.header] = f"{credential.prefix}{credential.secret.reveal()}"
        return request
