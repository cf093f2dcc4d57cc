"""One call after the other to one server: a secret in one header, JSON both ways."""

import json
from collections.abc import Collection, Mapping

from signotaur_action.ci.redaction import Redaction
from signotaur_action.ci.text import escape_untrusted
from signotaur_action.http.address import ServerAddress
from signotaur_action.http.answer import FIRST_REFUSAL, Answer, retry_after, server_time
from signotaur_action.http.api_profile import ApiProfile
from signotaur_action.http.errors import HttpError, HttpErrorKind
from signotaur_action.http.sender import Authentication, Reply, Request, Sender
from signotaur_action.http.time_budget import TimeLimit
from signotaur_action.model import Secret
from signotaur_action.ports import Clock
from signotaur_wire.members import Json

_FIRST_SUCCESS, _FIRST_REDIRECT = 200, 300


class HttpClient:
    """Sends one request at a time. Not for several threads. Its constructor may raise HttpError."""

    def __init__(
        self, address: ServerAddress, profile: ApiProfile, limit: TimeLimit, clock: Clock
    ) -> None:
        self.url = address.url
        self._profile = profile
        self._clock = clock
        self._sender = Sender(address, profile, limit, clock)
        self._redaction = Redaction(())

    def call(
        self,
        method: str,
        path: str,
        credential: Authentication,
        body: Json | bytes | None = None,
        *,
        hide: Collection[Secret] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return its answer, whatever its status.

        ``body``: bytes are sent as they are; ``headers`` must name their Content-Type.
        ``hide``: further secrets of the body that the answer must not show, besides the credential.
        ``headers``: of this request; one may replace Content-Type.
        Raises HttpError when no answer came within the time: network, TLS, redirect, another
        content, or more of it than the profile allow.
        """
        content = body if body is None or isinstance(body, bytes) else _encoded(body)
        request = Request(method, path, content, credential=credential, more_headers=headers or {})
        redaction = self._hiding((*credential.secrets, *hide))
        with self._sender.call() as left:
            while True:
                answer = self._answer(self._sender.send(request), redaction)
                pause = self._profile.pause(answer)
                if pause is None or pause > left.seconds():
                    return answer
                self._clock.sleep(pause)

    def _hiding(self, secrets: tuple[Secret, ...]) -> Redaction:
        """Keep the last one: calls in a row hide the same, and its forms take time to compute."""
        if not self._redaction.hides(secrets):
            self._redaction = Redaction(secrets)
        return self._redaction

    def _answer(self, reply: Reply, redaction: Redaction) -> Answer:
        if _FIRST_REDIRECT <= reply.status < FIRST_REFUSAL:
            raise HttpError(
                f"{self.url} answered with a redirect ({reply.status}); this client never sends a "
                "key to another address.",
                HttpErrorKind.REDIRECT,
            )
        now = self._clock.now()
        return Answer(
            reply.status,
            self._document(reply, redaction),
            retry_after(reply.headers, now),
            reply.headers,
            server_time=server_time(reply.headers, now),
        )

    def _document(self, reply: Reply, redaction: Redaction) -> object:
        success = _FIRST_SUCCESS <= reply.status < _FIRST_REDIRECT
        if success and not (reply.content or self._profile.json_only):
            return None
        if success and _content_type(reply) == (self._profile.text_type or None):
            return _decoded(reply.content)
        try:
            document = json.loads(reply.content)
            return document if success and self._profile.verbatim else redaction.document(document)
        except (ValueError, RecursionError):
            if reply.status >= FIRST_REFUSAL and not self._profile.json_only:
                return None
        kind = redaction.text(reply.headers.get("Content-Type", "no content type"))
        raise HttpError(
            f"{self.url} answered {reply.status} with {escape_untrusted(kind)}, which is not an "
            f"answer from {self._profile.kind}. Is there a proxy, or a different server, at this "
            "address?",
            HttpErrorKind.CONTENT,
        )


def _content_type(reply: Reply) -> str:
    return reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _decoded(content: bytes) -> str:
    """Return text; what is not UTF-8 is ISO-8859-1, which Java servers send where none is named."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("iso-8859-1")


def _encoded(body: Json) -> bytes:
    return json.dumps(body, allow_nan=False).encode()
