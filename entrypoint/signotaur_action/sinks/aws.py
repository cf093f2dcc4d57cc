"""A service of Amazon Web Services: where it is, who asks, what its refusals are called.

Both services used here speak JSON 1.1: every call is a POST to / that names its action in a
header. The refusals have one status, 400, and a name in ``__type``.
"""

import re
from collections.abc import Collection, Mapping

from signotaur_action.http import Answer, limit_pause
from signotaur_action.model import Secret
from signotaur_action.sinks.aws_signature import AwsSignature
from signotaur_action.sinks.base import SinkContext, SinkError, require_name
from signotaur_action.sinks.store import Access, Store, token_of
from signotaur_wire.members import Json

_REGION = r"[a-z]{2,8}(-[a-z0-9]+)+"
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_KEY_ID, _SECRET_KEY, _SESSION = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
_NOT_ALLOWED = "AccessDeniedException"
_NOT_KNOWN = (
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "UnrecognizedClientException",
)
_THROTTLED = ("ThrottlingException", "TooManyUpdates")
_PAUSE = 2.0
"""Amazon does not tell when a limit ends; its limits are per second."""
NEXT = (
    "Fix AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, the region or the policy, "
    "then run the command again."
)


class AwsService(Store):
    """Calls to one service in one region with one set of credentials."""

    def __init__(
        self, kind: str, service: str, title: str, settings: Mapping[str, str], context: SinkContext
    ) -> None:
        """Raise SinkError with all that is missing.

        ``service``: as its host and a signature name it; ``title``: as messages do.
        """
        environ = context.environ
        self.region = _region(kind, settings, environ)
        missing = [name for name in (_KEY_ID, _SECRET_KEY) if not environ.get(name, "").strip()]
        if missing:
            raise SinkError(
                f"{kind}: these must be set in the environment: {' and '.join(missing)}, the "
                "credentials of a role or a user"
            )
        for name in (_KEY_ID, _SESSION):
            if not re.fullmatch("[!-~]*", environ.get(name, "").strip()):
                raise SinkError(f"{kind}: {name} contains characters that are not valid in it")
        access = _access(service, title, self.region, environ)
        signature = AwsSignature(
            environ[_KEY_ID].strip(),
            token_of(kind, access, context),
            context.secret_of(_SESSION),
            self.region,
            service,
            context.servers().clock,
        )
        super().__init__(kind, access, context, signature)

    def invoke(self, action: str, body: Json, *, hide: Collection[Secret] = ()) -> Answer:
        """Call an action, as ``secretsmanager.PutSecretValue``."""
        headers = {"X-Amz-Target": action, "Content-Type": "application/x-amz-json-1.1"}
        return self.call("POST", "/", body, hide=hide, headers=headers)

    def denied(self, answer: Answer) -> bool:
        """See ``Store``."""
        return error_name(answer) in (_NOT_ALLOWED, *_NOT_KNOWN)


def error_name(answer: Answer) -> str:
    """Return what a refusal is called; empty where it has no name."""
    return answer.text("__type").rpartition("#")[2] if answer.refused else ""


def not_allowed(answer: Answer) -> bool:
    """Return whether the credentials are good, but may not do this."""
    return error_name(answer) == _NOT_ALLOWED


def _region(kind: str, settings: Mapping[str, str], environ: Mapping[str, str]) -> str:
    named = (environ[name].strip() for name in _REGION_VARIABLES if environ.get(name))
    region = settings.get("region") or next(named, "")
    if not region:
        raise SinkError(f"{kind}: needs region=, or AWS_REGION in the environment")
    require_name(f"{kind}: the region", region, _REGION, "a region, like eu-central-1")
    return region


def _access(service: str, title: str, region: str, environ: Mapping[str, str]) -> Access:
    own = f"AWS_ENDPOINT_URL_{title.upper().replace(' ', '_')}"
    zone = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Access(
        store=f"AWS {title}",
        address=own if environ.get(own) else "AWS_ENDPOINT_URL",
        token=_SECRET_KEY,
        token_hint="the secret key of a role or a user",  # noqa: S106 - a description
        error_text=_words,
        default_url=f"https://{service}.{region}.{zone}",
        ca_file_variable="AWS_CA_BUNDLE",
        pause=_pause,
    )


def _words(answer: Answer) -> str:
    said = answer.text("message") or answer.text("Message")
    return ": ".join(filter(None, (error_name(answer), said)))


def _pause(answer: Answer) -> float | None:
    return _PAUSE if error_name(answer) in _THROTTLED else limit_pause(answer)
