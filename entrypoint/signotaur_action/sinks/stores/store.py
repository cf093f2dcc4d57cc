"""A secret store with its own API: its address, the token, its answers.

What GitLab, Vault, Buildkite and AWS have in common. GitHub's API, which ``guard`` uses too, is in
``github.rest``.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from signotaur_action.ci.redaction import Redaction
from signotaur_action.http import (
    TEMPORARY,
    Anonymous,
    Answer,
    ApiProfile,
    Authentication,
    Credential,
    HttpClient,
    HttpError,
    limit_pause,
    refusal_text,
)
from signotaur_action.http.address import parse_server_url
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_wire.members import Json

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409

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
    token_hint: str
    """Which kind of token is needed, for messages."""
    error_text: Callable[[Answer], str]
    """Returns the reason that the store gives in a refusal."""
    default_url: str = ""
    """The base URL where the variable is not set; empty: it must be set."""
    version: str = ""
    """What the base URL ends with, whether the variable has it or not."""
    ca_file_variable: str = ""
    """The variable that names a file of authorities to trust besides the usual ones."""
    header: str = "Authorization"
    prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    text_type: str = ""
    """The Content-Type of answers that are text, and not JSON."""
    temporary: Collection[int] = TEMPORARY
    denied_statuses: Collection[int] = (UNAUTHORIZED, FORBIDDEN, NOT_FOUND)
    """What the store answers to a token that is not allowed something."""
    unknown_statuses: Collection[int] = (UNAUTHORIZED,)
    """What the store answers to a token that it does not accept, or no longer: a new one may be."""
    pause: Callable[[Answer], float | None] = limit_pause
    """Returns for how many seconds a rate limit lasts; None where there is none."""


SignIn = Callable[["Store"], Authentication]


class Store:
    """Calls to one store with one token. ``call`` raises HttpError when no answer came.

    Waits for a rate limit where it ends within the time that is left, and gives the store's
    refusal back where it does not. Every call may be sent again: of a POST that was lost on the
    way back the callers see what became of it.
    """

    def __init__(
        self,
        kind: str,
        access: Access,
        context: SinkContext,
        credential: Authentication | None = None,
        *,
        sign_in: SignIn | None = None,
        also_trusted: Sequence[Path] = (),
    ) -> None:
        """Raise SinkError with all that is missing.

        ``also_trusted``: files of authorities besides the one that the environment names.
        ``credential``: what is used instead of the token in its header. ``sign_in``: gets it before
        the first call, and again where the store no longer accepts it, because it ended.
        """
        self._access = access
        self._sign_in = sign_in
        self._credential = credential or Anonymous()
        if credential is None and sign_in is None:
            token = token_of(kind, access, context)
            self._credential = Credential(token, access.header, access.prefix)
        named = context.file_of(access.ca_file_variable) if access.ca_file_variable else None
        trusted = [*([named] if named else []), *also_trusted]
        profile = ApiProfile(
            kind=access.store,
            repeatable=("GET", "PUT", "POST", "PATCH"),
            temporary=access.temporary,
            headers=access.headers,
            text_type=access.text_type,
            json_only=False,
            verbatim=True,
            longest_answer=4 * 1024 * 1024,  # a hundred secrets with their policies
            pause=access.pause,
        )
        self._client = _client(kind, access, context, profile, trusted)

    def call(
        self,
        method: str,
        path: str,
        body: Json | bytes | None = None,
        *,
        hide: Collection[Secret] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; ``path`` comes from ``join_path``, with a query or without.

        ``body``: bytes are sent as they are; ``headers`` must name their Content-Type.

        Raises StoreRefusedError where the sign-in is refused.
        """

        def send(credential: Authentication) -> Answer:
            return self._client.call(method, path, credential, body, hide=hide, headers=headers)

        if self._sign_in is None:
            return send(self._credential)
        if isinstance(self._credential, Anonymous):
            self._credential = self._sign_in(self)
        answer = send(self._credential)
        if self.is_unknown(answer):
            self._credential = self._sign_in(self)
            answer = send(self._credential)
        return answer

    @property
    def signs_in(self) -> bool:
        """Whether the run gets its token itself, so that none is stored."""
        return self._sign_in is not None

    def post_anonymously(self, path: str, body: Json, hide: Collection[Secret]) -> Answer:
        """Send a request without a credential, for a sign-in at the store itself."""
        return self._client.call("POST", path, Anonymous(), body, hide=hide)

    def require_success(
        self, answer: Answer, needs: str, *, redactions: Collection[str] = ()
    ) -> Answer:
        """Return the answer, if it is not a refusal; else raise StoreRefusedError with the reason.

        ``needs``: what the token must be allowed. ``redactions``: texts that the reason must not
        repeat.
        """
        if answer.refused:
            raise StoreRefusedError(self._refusal(answer, needs, redactions))
        return answer

    def error_text(self, answer: Answer) -> str:
        """Return why the store refused, as it says; empty where it does not say."""
        return self._access.error_text(answer)

    def denied(self, answer: Answer) -> bool:
        """Return whether the store refuses the token, or what the token may do."""
        return answer.status in self._access.denied_statuses

    def is_unknown(self, answer: Answer) -> bool:
        """Return whether the store does not accept the token, or no longer."""
        return answer.status in self._access.unknown_statuses

    def _refusal(self, answer: Answer, needs: str, redactions: Collection[str]) -> str:
        return refusal_text(
            self._access.store,
            answer,
            Redaction(map(Secret, redactions)).text(self.error_text(answer)),
            needs,
            pause=self._access.pause(answer),
            denied=self.denied(answer),
        )


def collect_faults(
    first: Callable[[], First], second: Callable[[], Second]
) -> tuple[First, Second]:
    """Return both results; raise what is wrong with either in one SinkError."""
    try:
        made = first()
    except SinkError as fault:
        raise SinkError("; ".join([str(fault), *_faults_of(second)])) from None
    return made, second()


def _faults_of(make: Callable[[], object]) -> list[str]:
    try:
        make()
    except SinkError as fault:
        return [str(fault)]
    return []


def token_of(kind: str, access: Access, context: SinkContext) -> Secret:
    """Return the token of the environment. Raises SinkError, which also names a missing address."""
    token = context.secret_of(access.token)
    missing = []
    if not (access.default_url or context.environ.get(access.address)):
        missing.append(f"{access.address}, the address of {access.store}")
    if token is None:
        missing.append(f"{access.token}, {access.token_hint}")
    if missing:
        raise SinkError(f"{kind}: these must be set in the environment: {'; and '.join(missing)}")
    if token is None or not re.fullmatch("[!-~]+", token.reveal()):
        raise SinkError(f"{kind}: {access.token} contains characters that are not valid in a token")
    return token


def _client(
    kind: str, access: Access, context: SinkContext, profile: ApiProfile, trusted: list[Path]
) -> HttpClient:
    try:
        url = parse_server_url(context.environ.get(access.address) or access.default_url)
        url = url.removesuffix(access.version) + access.version
    except ValueError as error:
        raise SinkError(f"{kind}: {access.address}: {error}") from None
    try:
        return context.servers().client(url, profile, also_trusted=trusted)
    except HttpError as fault:
        source = (
            f"{access.ca_file_variable} or --ca-file" if access.ca_file_variable else "--ca-file"
        )
        raise SinkError(f"{kind}: {source}: {fault}") from None
