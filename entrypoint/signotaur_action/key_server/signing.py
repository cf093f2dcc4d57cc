"""The SigningService of a server with the vendor's v2 signing calls, and timestamp servers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from signotaur_action.ci.text import escape_untrusted
from signotaur_action.errors import (
    CertificateExpiredError,
    ServerError,
    SigningRefusedError,
    UnauthorizedError,
)
from signotaur_action.http import (
    TEMPORARY,
    TOO_MANY,
    Answer,
    ApiProfile,
    HttpError,
    Request,
    ServerAddress,
    single_call,
)
from signotaur_action.key_server.calls import KeyServerCalls, read_document
from signotaur_action.key_server.problems import refusal
from signotaur_action.model import CertificateSelector, DigestToSign, Secret
from signotaur_action.ports import Clock
from signotaur_wire import signing
from signotaur_wire.members import Json, format_time
from signotaur_wire.signing import (
    CertificateAnswer,
    CertificateRequest,
    SignAnswer,
    SignRequest,
    normal_thumbprint,
)
from signotaur_wire.version import VERSION

T = TypeVar("T")
_CLIENT = f"signotaur-action/{VERSION}"
_OK, _FORBIDDEN, _NOT_FOUND, _METHOD_NOT_ALLOWED = 200, (401, 403), 404, 405
_TIMESTAMP_SECONDS = 20
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"
_TIMESTAMP_PROFILE = ApiProfile(
    kind="a timestamp server",
    repeatable=("POST",),
    temporary=TEMPORARY | {TOO_MANY},
    tries=2,
    headers={"Accept": _REPLY},
)


class HttpSigningService:
    """See ``ports.SigningService``. Each thread has a connection, each call its own deadline."""

    def __init__(self, address: ServerAddress, clock: Clock) -> None:
        self.address = address.url
        self._server = address
        self._clock = clock
        self._of_thread = threading.local()

    def certificate(self, key: Secret, selector: CertificateSelector) -> bytes:
        """``POST /cert/get``."""
        value = selector.value
        if selector.kind == "thumbprint":
            value = normal_thumbprint(value)
        body = CertificateRequest(_CLIENT, **{selector.kind: value})
        answer = self._call(CertificateAnswer.from_json, signing.CERT_GET, key, body.to_json())
        if answer.expired_at is not None:
            raise CertificateExpiredError(
                f"The certificate with the {selector.kind} {escape_untrusted(selector.value)} "
                f"expired on {format_time(answer.expired_at)}."
            )
        if answer.result != signing.DONE or not answer.certificate:
            raise SigningRefusedError(
                f"{self.address} has no usable certificate with the {selector.kind} "
                f"{escape_untrusted(selector.value)}{_because(answer.message)}",
                next_step="Check --thumbprint, --label or --subject, and whether the key's owner "
                "may use the certificate.",
            )
        return answer.certificate

    def sign(self, key: Secret, request: DigestToSign) -> bytes:
        """``POST /sign``."""
        body = SignRequest(
            _CLIENT,
            thumbprint=request.thumbprint,
            digest=request.digest,
            algorithm=request.algorithm,
            file_name=request.file_name[: signing.TEXT_MAX_LENGTH],
            file_size=request.file_size,
        )
        answer = self._call(SignAnswer.from_json, signing.SIGN, key, body.to_json())
        if answer.result != signing.DONE or not answer.signature:
            raise SigningRefusedError(f"the server refused to sign it{_because(answer.message)}")
        return answer.signature

    def _call(self, read: Callable[[object], T], path: str, key: Secret, body: Json) -> T:
        calls = self._calls_of_thread()
        calls.begin_again()
        answer = calls.call("POST", path, key, body)
        if answer.status != _OK:
            raise self._refusal(answer)
        return read_document(read, answer, self.address)

    def _calls_of_thread(self) -> KeyServerCalls:
        found: KeyServerCalls | None = getattr(self._of_thread, "calls", None)
        if found is None:
            found = self._of_thread.calls = KeyServerCalls(self._server, self._clock)
        return found

    def _refusal(self, answer: Answer) -> Exception:
        if answer.status in (_NOT_FOUND, _METHOD_NOT_ALLOWED):
            return ServerError(
                f"{self.address} does not support signing over REST ({answer.status}): Signotaur "
                "v2 or later is required.",
                next_step="Check --sign-server. If it is a v1 server, upgrade it.",
            )
        error = refusal(answer, self.address)
        if answer.status in _FORBIDDEN and not isinstance(error, UnauthorizedError):
            return UnauthorizedError(
                f"{self.address} refuses the key ({answer.status}).",
                next_step="Check --sign-server, and that the key belongs to this server and may "
                "sign.",
            )
        return error


@dataclass(frozen=True)
class HttpTimestampServer:
    """See ``ports.TimestampServer``: RFC 3161 over HTTP."""

    address: str
    clock: Clock
    proxy: str | None = None

    def ask(self, request: bytes) -> bytes:
        """``POST``; nothing of it is secret, so plain http is allowed: most servers use it."""
        server = ServerAddress(self.address, proxy=self.proxy)
        query = Request("POST", "", request, _QUERY)
        try:
            reply = single_call(server, _TIMESTAMP_PROFILE, query, _TIMESTAMP_SECONDS, self.clock)
        except HttpError as fault:
            raise ServerError(str(fault).removeprefix(f"{self.address} ")) from None
        kind = reply.headers.get("Content-Type", "no content type")
        if reply.status != _OK or not kind.startswith(_REPLY):
            raise ServerError(f"it answered {reply.status} with {escape_untrusted(kind)}")
        return reply.content


def _because(message: str) -> str:
    return f": {escape_untrusted(message).rstrip('.')}." if message else "."
