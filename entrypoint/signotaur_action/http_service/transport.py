"""One requests session with everything fixed that its defaults leave open.

The only module that imports requests. Every call may be repeated (GET, PUT, and the POST that
signs a digest: signed twice it is no more signed), so network faults, 429 and 5xx are retried
within one total deadline. Nothing is taken from the environment: a
``.netrc`` would replace the Authorization header, and variables would choose whom to trust.
Foreign exceptions are never shown whole: some of them print the headers.
"""

import json
import re
import ssl
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util.retry import Retry

from signotaur_action.ci_text import inert_value
from signotaur_action.errors import ServerFailure
from signotaur_action.model import Secret
from signotaur_wire.limits import MAX_BODY_BYTES
from signotaur_wire.members import Json
from signotaur_wire.version import VERSION

_CONNECT_TIMEOUT = 5.0
_READ_TIMEOUT = 15.0
_RETRIES = 6
_TORN_ANSWERS = 3
_RETRY_AFTER_MAX = 30
_RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class ServerAddress:
    """How to reach the server and whom to trust."""

    url: str
    """Base URL without a final slash; https, or http to this machine."""
    timeout: timedelta
    """For all calls of the run together, retries included."""
    ca_file: Path | None = None
    allow_untrusted: bool = False
    proxy: str | None = None


@dataclass(frozen=True)
class Answer:
    """A JSON answer of the server; ``document`` is not yet checked against the protocol."""

    status: int
    document: object
    retry_after: timedelta | None


class Transport:
    """Sends one request at a time, with the key in the Authorization header only."""

    def __init__(self, address: ServerAddress) -> None:
        self.url = address.url
        self._timeout = address.timeout.total_seconds()
        self._deadline = time.monotonic() + self._timeout
        self._verify: str | bool = str(address.ca_file) if address.ca_file else True
        if address.allow_untrusted:
            self._verify = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._retry = _retry(self._deadline)
        self._session = _session(address.proxy, self._retry)

    def begin_again(self) -> None:
        """Give the next calls the whole time again, for a run whose calls cannot be counted."""
        self._deadline = self._retry.deadline = time.monotonic() + self._timeout

    def call(self, method: str, path: str, key: Secret, body: Json | None = None) -> Answer:
        """Send a request and return its JSON answer, whatever its status.

        Raises ServerFailure when no JSON answer came within the deadline: network, TLS,
        redirect, another content, more than 64 KiB.
        """
        tries = _TORN_ANSWERS
        while True:
            tries -= 1
            try:
                return self._exchange(method, path, key, body)
            except urllib3.exceptions.ProtocolError as error:
                # The answer broke off in its body, where urllib3's Retry is over already.
                if not tries:
                    raise self._network_failure(error) from None
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise self._network_failure(error) from None

    def _exchange(self, method: str, path: str, key: Secret, body: Json | None) -> Answer:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise ServerFailure(f"The time for talking to {self.url} is over (--timeout).")
        with self._session.request(
            method,
            self.url + path,
            auth=_Bearer(key),
            json=body,
            timeout=(min(_CONNECT_TIMEOUT, left), min(_READ_TIMEOUT, left)),
            verify=self._verify,
            allow_redirects=False,
            stream=True,
        ) as response:
            return self._answer(response, key.reveal())

    def _answer(self, response: requests.Response, key: str) -> Answer:
        # A proxy's error page may repeat the request's headers.
        content = _content(response, self.url, self._deadline).replace(key.encode(), b"***")
        if response.is_redirect:
            raise ServerFailure(
                f"{self.url} answered with a redirect ({response.status_code}); a key is never "
                "sent on.",
                next_step="Give --sign-server the address that the server itself has.",
            )
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            kind = response.headers.get("Content-Type", "no content type").replace(key, "***")
            raise ServerFailure(
                f"{self.url} answered {response.status_code} with {inert_value(kind)}, which is no "
                "answer of a key server. Is a proxy or another server in the way?"
            ) from None
        return Answer(response.status_code, document, _retry_after(response))

    def _network_failure(self, error: Exception) -> ServerFailure:
        cause = _root_cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ServerFailure(
                f"The certificate of {self.url} is refused: {cause.verify_message}.",
                next_step="Give --ca-file the authority that signed it, or mend the certificate.",
            )
        if isinstance(cause, _OutOfTime) and cause.status is not None:
            return ServerFailure(
                f"{self.url} answered {cause.status} until the time was over (--timeout)."
            )
        reason = _reason(cause)
        if isinstance(error, requests.exceptions.ProxyError):
            return ServerFailure(f"The proxy on the way to {self.url} fails: {reason}.")
        return ServerFailure(f"{self.url} cannot be reached: {reason}.")


class _Bearer(AuthBase):
    """Puts the key into the Authorization header; as an auth object no .netrc overrides it."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return request


class _OutOfTime(urllib3.exceptions.TimeoutError):
    """No time is left for another try; ``status`` is what the server answered last."""

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


class _Retry(Retry):
    """urllib3's own Retry, which also gives up at the run's deadline."""

    deadline = 0.0

    def new(self, **changes: Any) -> "_Retry":
        successor: _Retry = super().new(**changes)
        successor.deadline = self.deadline
        return successor

    def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        asked = self.get_retry_after(response) if response is not None else None
        if time.monotonic() + (asked or self.get_backoff_time()) > self.deadline:
            raise _OutOfTime(None if response is None else response.status)
        super().sleep(response)


def post(server: ServerAddress, content: bytes, *, content_type: str, accepted: str) -> bytes:
    """Send bytes without any key, and return the bytes of the answer. Raises ServerFailure."""
    deadline = time.monotonic() + server.timeout.total_seconds()
    try:
        with (
            _session(server.proxy, _retry(deadline, tries=1)) as session,
            session.post(
                server.url,
                data=content,
                headers={"Content-Type": content_type, "Accept": accepted},
                timeout=(_CONNECT_TIMEOUT, _READ_TIMEOUT),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            kind = response.headers.get("Content-Type", "no content type")
            if response.status_code != requests.codes.ok or not kind.startswith(accepted):
                raise ServerFailure(f"it answered {response.status_code} with {inert_value(kind)}")
            return _content(response, server.url, deadline)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise ServerFailure(_reason(_root_cause(error))) from None


def _retry(deadline: float, tries: int = _RETRIES) -> _Retry:
    retry = _Retry(
        total=tries,
        other=0,  # a certificate does not get better by asking again
        status_forcelist=_RETRIED_STATUS,
        allowed_methods=frozenset({"GET", "PUT", "POST"}),
        backoff_factor=0.2,
        backoff_max=5,
        backoff_jitter=0.2,
        retry_after_max=_RETRY_AFTER_MAX,
        raise_on_status=False,
    )
    retry.deadline = deadline
    return retry


def _session(proxy: str | None, retry: Retry) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = f"signotaur-action/{VERSION}"
    session.headers["Accept"] = "application/json"
    session.proxies = {"https": proxy, "http": proxy} if proxy else {}
    adapter = HTTPAdapter(max_retries=retry)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _content(response: requests.Response, url: str, deadline: float) -> bytes:
    content = b""
    # Not iter_content: that waits for a whole part, however slowly its bytes come.
    while part := response.raw.read1(8192, decode_content=True):
        content += part
        if len(content) > MAX_BODY_BYTES:
            raise ServerFailure(f"{url} answered with more than 64 KiB.")
        if time.monotonic() > deadline:
            raise ServerFailure(f"{url} answered too slowly (--timeout).")
    return content


def _retry_after(response: requests.Response) -> timedelta | None:
    text = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(text)) if re.fullmatch("[0-9]{1,6}", text) else None


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
