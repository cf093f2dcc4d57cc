"""One requests session with everything fixed that its defaults leave open.

Network faults and a server's temporary refusals are retried within one total deadline, for calls
that may be repeated. Nothing is taken from the environment: a ``.netrc`` would replace the
Authorization header, and variables would choose whom to trust.
"""

import re
import ssl
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from signotaur_action.ci_text import inert_value
from signotaur_action.errors import ServerFailure
from signotaur_action.transport.address import ServerAddress
from signotaur_action.transport.faults import FOREIGN, FaultKind, HttpFault, OutOfTime, reason
from signotaur_wire.limits import MAX_BODY_BYTES
from signotaur_wire.version import VERSION

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
TEMPORARY = frozenset({408, 425, 500, 502, 503, 504})
"""What a server answers that may do better in a moment."""
TOO_MANY = 429
_RETRIES = 6
_RETRY_AFTER_MAX = 30


class BoundedRetry(Retry):
    """urllib3's own Retry, which also gives up at the run's deadline."""

    # Urllib3 would also repeat a rate limit by itself, after 30 s even where more was asked.
    RETRY_AFTER_STATUS_CODES = frozenset[int]()

    deadline = 0.0

    def new(self, **changes: Any) -> "BoundedRetry":
        """See urllib3."""
        successor: BoundedRetry = super().new(**changes)
        successor.deadline = self.deadline
        return successor

    def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        """See urllib3. Raises OutOfTime."""
        asked = self.get_retry_after(response) if response is not None else None
        if time.monotonic() + (asked or self.get_backoff_time()) > self.deadline:
            raise OutOfTime(None if response is None else response.status)
        super().sleep(response)


def bounded_retry(
    methods: Collection[str], statuses: Collection[int], tries: int = _RETRIES
) -> BoundedRetry:
    """Return how to retry: these methods, after network faults and these statuses."""
    return BoundedRetry(
        total=tries,
        other=0,  # a certificate does not get better by asking again
        status_forcelist=statuses,
        allowed_methods=frozenset(methods),
        backoff_factor=0.2,
        backoff_max=5,
        backoff_jitter=0.2,
        retry_after_max=_RETRY_AFTER_MAX,
        raise_on_status=False,
    )


class _TrustingAdapter(HTTPAdapter):
    """Trusts authorities of files besides the usual ones."""

    def __init__(self, retry: Retry, also_trusted: Sequence[Path]) -> None:
        self._context = ssl.create_default_context() if also_trusted else None
        for path in also_trusted:
            self._trust(path)
        super().__init__(max_retries=retry)

    def _trust(self, path: Path) -> None:
        try:
            if self._context is not None:
                self._context.load_verify_locations(path)
        except OSError as error:
            why = reason(error)
            raise HttpFault(f"{path} gives no authorities to trust: {why}.") from None

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        """See requests."""
        if self._context is not None:
            settings["ssl_context"] = self._context
        super().init_poolmanager(*arguments, **settings)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        """See requests."""
        if self._context is not None:
            settings["ssl_context"] = self._context
        return super().proxy_manager_for(proxy, **settings)


def new_session(
    proxy: str | None, retry: Retry, *, also_trusted: Sequence[Path] = ()
) -> requests.Session:
    """Return a session that takes nothing from its environment.

    ``also_trusted``: PEM files of authorities besides the usual ones. Raises HttpFault.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = f"signotaur-action/{VERSION}"
    session.headers["Accept"] = "application/json"
    session.proxies = {"https": proxy, "http": proxy} if proxy else {}
    adapter = _TrustingAdapter(retry, also_trusted)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@dataclass(frozen=True)
class Bounds:
    """How much may come, and until when."""

    longest: int
    """In bytes."""
    deadline: float
    """In monotonic seconds."""
    time_name: str
    """What sets the time, as messages say."""


def content_of(response: requests.Response, url: str, bounds: Bounds) -> bytes:
    """Return an answer's body. Raises HttpFault when it is too large or comes too slowly."""
    content = b""
    # Not iter_content: that waits for a whole part, however slowly its bytes come.
    while part := response.raw.read1(8192, decode_content=True):
        content += part
        if len(content) > bounds.longest:
            most = f"{bounds.longest // 1024} KiB"
            raise HttpFault(f"{url} answered with more than {most}.", FaultKind.CONTENT)
        if time.monotonic() > bounds.deadline:
            slow = f"{url} answered too slowly ({bounds.time_name})."
            raise HttpFault(slow, FaultKind.CONTENT)
    return content


def retry_after(response: requests.Response) -> timedelta | None:
    """Return what the answer's Retry-After asks for, if it names seconds (RFC 9110 10.2.3)."""
    text = response.headers.get("Retry-After", "")
    return timedelta(seconds=int(text)) if re.fullmatch("[0-9]{1,6}", text) else None


def post(server: ServerAddress, content: bytes, *, content_type: str, accepted: str) -> bytes:
    """Send bytes without any key, and return the bytes of the answer. Raises ServerFailure."""
    deadline = time.monotonic() + server.timeout.total_seconds()
    retry = bounded_retry({"POST"}, TEMPORARY | {TOO_MANY}, tries=1)
    retry.deadline = deadline
    try:
        with (
            new_session(server.proxy, retry) as session,
            session.post(
                server.url,
                data=content,
                headers={"Content-Type": content_type, "Accept": accepted},
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            kind = response.headers.get("Content-Type", "no content type")
            if response.status_code != requests.codes.ok or not kind.startswith(accepted):
                raise ServerFailure(f"it answered {response.status_code} with {inert_value(kind)}")
            return content_of(response, server.url, Bounds(MAX_BODY_BYTES, deadline, "--timeout"))
    except HttpFault as fault:
        raise ServerFailure(str(fault)) from None
    except FOREIGN as error:
        raise ServerFailure(reason(error)) from None
