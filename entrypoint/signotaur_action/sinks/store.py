"""A secret store with its own API: its address, the token, its answers.

What GitLab, Vault and Buildkite have in common. GitHub's API differs; see
``github.rest``.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from signotaur_action.ci.redaction import Redaction
from signotaur_action.ci.text import escape_untrusted
from signotaur_action.http import (
    TEMPORARY,
    TOO_MANY,
    Answer,
    ApiProfile,
    Credential,
    HttpClient,
    HttpError,
)
from signotaur_action.http.address import parse_server_url
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_wire.members import Json, format_time

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409
_UNNAMED_PAUSE = 10.0
"""For a limit that does not say when it ends, like GitLab's application limits."""
_MARGIN = 1.0
"""Reset times are whole seconds."""
_LATEST_SPAN = 10**8
"""A reset beyond this is a Unix time (GitLab), else seconds to wait (Buildkite)."""

First = TypeVar("First")
Second = TypeVar("Second")


@dataclass(frozen=True)
class Access:
    """How a run reaches a kind of store: its variables, and the forms of address and token."""

    store: str
    """As messages call it."""
    address: str
    """The variable with the base URL."""
    token: str
    """The variable with the token."""
    token_is: str
    """Which kind of token is needed, for messages."""
    words: Callable[[Answer], str]
    """Returns the reason that the store gives in a refusal."""
    usual: str = ""
    """The base URL where the variable is not set; empty: it must be set."""
    version: str = ""
    """What the base URL ends with, whether the variable has it or not."""
    authorities: str = ""
    """The variable that names a file of authorities to trust besides the usual ones."""
    header: str = "Authorization"
    prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    temporary: Collection[int] = TEMPORARY
    denials: Collection[int] = (UNAUTHORIZED, FORBIDDEN, NOT_FOUND)
    """What the store answers to a token that is not allowed something."""


class Store:
    """Calls to one store with one token. ``call`` raises HttpError when no answer came.

    Waits for a rate limit where it ends within the time that is left, and gives the store's
    refusal back where it does not. Every call may be sent again: of a POST that was lost on the
    way back the callers see what became of it.
    """

    def __init__(self, kind: str, access: Access, context: SinkContext) -> None:
        """Raise SinkError with all that is missing."""
        self._access = access
        token = _token(kind, access, context)
        authorities = context.file_of(access.authorities) if access.authorities else None
        manners = ApiProfile(
            kind=access.store,
            repeatable=("GET", "PUT", "POST"),
            temporary=access.temporary,
            headers=access.headers,
            json_only=False,
            verbatim=True,
            longest_answer=4 * 1024 * 1024,  # a hundred secrets with their policies
            pause=limit_pause,
        )
        self._credential = Credential(token, access.header, access.prefix)
        self._client = _client(kind, access, context, manners, [authorities] if authorities else [])

    def call(
        self, method: str, path: str, body: Json | None = None, *, hide: Collection[Secret] = ()
    ) -> Answer:
        """Send a request; ``path`` comes from ``join_path``, with a query or without."""
        return self._client.call(method, path, self._credential, body, hide=hide)

    def granted(self, answer: Answer, needs: str, *, unsaid: Collection[str] = ()) -> Answer:
        """Return the answer, if it is not a refusal; else raise StoreRefusedError with the reason.

        ``needs``: what the token must be allowed. ``unsaid``: texts that the reason must not
        repeat.
        """
        if answer.refused:
            raise StoreRefusedError(self._refusal(answer, needs, unsaid))
        return answer

    def words(self, answer: Answer) -> str:
        """Return why the store refused, as it says; empty where it does not say."""
        return self._access.words(answer)

    def _refusal(self, answer: Answer, needs: str, unsaid: Collection[str]) -> str:
        store = self._access.store
        pause = limit_pause(answer)
        if pause is not None:
            return f"{store}'s rate limit lasts until {format_time(answer.later(pause))}"
        words = Redaction(map(Secret, unsaid)).text(self.words(answer))
        said = " ".join(words.split()).rstrip(".")
        said = escape_untrusted(said) or "it gave no reason"
        if answer.status in self._access.denials:
            return f"{store} refuses the token ({answer.status}: {said}): it needs {needs}"
        return f"{store} answered {answer.status}: {said}"


def both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Return both results; raise what is wrong with either in one SinkError."""
    try:
        made = first()
    except SinkError as fault:
        raise SinkError("; ".join([str(fault), *_faults_of(second)])) from None
    return made, second()


def limit_pause(answer: Answer) -> float | None:
    """Return for how many seconds a rate limit applies; None without one."""
    if answer.status != TOO_MANY:
        return None
    if answer.retry_after is not None:
        return max(_MARGIN, answer.retry_after.total_seconds())
    reset = answer.headers.get("RateLimit-Reset", "")
    if not re.fullmatch("[0-9]{1,10}", reset):
        return _UNNAMED_PAUSE
    told = float(reset)
    if told > _LATEST_SPAN:
        told -= answer.server_time.timestamp()
    return max(_MARGIN, told + _MARGIN)


def _faults_of(make: Callable[[], object]) -> list[str]:
    try:
        make()
    except SinkError as fault:
        return [str(fault)]
    return []


def _token(kind: str, access: Access, context: SinkContext) -> Secret:
    """Return the token. Raises SinkError, which also names a missing address."""
    token = context.secret_of(access.token)
    missing = []
    if not (access.usual or context.environ.get(access.address)):
        missing.append(f"{access.address}, the address of {access.store}")
    if token is None:
        missing.append(f"{access.token}, {access.token_is}")
    if missing:
        raise SinkError(f"{kind}: these must be set in the environment: {'; and '.join(missing)}")
    if token is None or not re.fullmatch("[!-~]+", token.reveal()):
        raise SinkError(f"{kind}: {access.token} contains characters that are not valid in a token")
    return token


def _client(
    kind: str, access: Access, context: SinkContext, manners: ApiProfile, trusted: list[Path]
) -> HttpClient:
    try:
        url = parse_server_url(context.environ.get(access.address) or access.usual)
        url = url.removesuffix(access.version) + access.version
    except ValueError as error:
        raise SinkError(f"{kind}: {access.address}: {error}") from None
    try:
        return context.servers().client(url, manners, also_trusted=trusted)
    except HttpError as fault:
        source = f"{access.authorities} or --ca-file" if access.authorities else "--ca-file"
        raise SinkError(f"{kind}: {source}: {fault}") from None
