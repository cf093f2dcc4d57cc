"""A service of Amazon Web Services: where it is, who asks, what its refusals are called.

Both services used here speak JSON 1.1: every call is a POST to / that names its action in a
header. The refusals have one status, 400, and a name in ``__type``.
"""

import re
from collections.abc import Collection, Mapping

from signotaur_action.http import Answer
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError, require_name
from signotaur_action.sinks.sign_in.aws_identity import ROLE, aws_sign_in
from signotaur_action.sinks.stores.aws_access import (
    KEY_ID,
    SECRET_KEY,
    SESSION,
    aws_access,
    error_name,
)
from signotaur_action.sinks.stores.aws_signature import AwsSignature
from signotaur_action.sinks.stores.store import Access, Store, token_of
from signotaur_action.sinks.stores.token_end import ends_soon, is_refused, moment_of
from signotaur_wire.members import Json

_REGION = r"[a-z]{2,8}(-[a-z0-9]+)+"
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDS = ("AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_EXPIRATION")
"""Where tools that start a session leave its end."""
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
NEXT = (
    "Fix AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_ROLE_ARN and what "
    "that role trusts, the region or the policy, then run the command again."
)


class AwsService(Store):
    """Calls to one service in one region with one set of credentials."""

    def __init__(
        self, kind: str, service: str, title: str, settings: Mapping[str, str], context: SinkContext
    ) -> None:
        """Raise SinkError with all that is missing.

        ``service``: as its host and a signature name it; ``title``: as messages do.
        """
        self.region = _region(kind, settings, context.environ)
        sign_in = aws_sign_in(kind, context, service, self.region)
        access = aws_access(service, title, self.region, context.environ)
        signature = None if sign_in else _signature(kind, access, service, self.region, context)
        named = (context.environ.get(name, "") for name in _ENDS)
        self._end = None if sign_in else next(filter(None, map(moment_of, named)), None)
        super().__init__(kind, access, context, signature, sign_in=sign_in)

    def invoke(self, action: str, body: Json, *, hide: Collection[Secret] = ()) -> Answer:
        """Call an action, as ``secretsmanager.PutSecretValue``."""
        headers = {"X-Amz-Target": action, "Content-Type": "application/x-amz-json-1.1"}
        return self.call("POST", "/", body, hide=hide, headers=headers)

    def denied(self, answer: Answer) -> bool:
        """See ``Store``."""
        return error_name(answer) in (_NOT_ALLOWED, *_NOT_KNOWN)

    def is_unknown(self, answer: Answer) -> bool:
        """See ``Store``."""
        return error_name(answer) in _NOT_KNOWN

    def session_concerns(self, answer: Answer) -> list[str]:
        """Return a warning if the session of the environment ends soon, or its key is refused."""
        if self.is_unknown(answer):
            return is_refused("AWS")
        return ends_soon("AWS", self._end, answer.server_time)


def not_allowed(answer: Answer) -> bool:
    """Return whether the credentials are good, but may not do this."""
    return error_name(answer) == _NOT_ALLOWED


def _region(kind: str, settings: Mapping[str, str], environ: Mapping[str, str]) -> str:
    named = (environ[name].strip() for name in _REGION_VARIABLES if environ.get(name))
    region = settings.get("region") or next(named, "")
    if not region:
        raise SinkError(f"{kind}: needs region=, or AWS_REGION in the environment")
    require_name(f"{kind}: region", region, _REGION, "a region, such as eu-central-1")
    return region


def _signature(
    kind: str, access: Access, service: str, region: str, context: SinkContext
) -> AwsSignature:
    """Return the credentials of the environment. Raises SinkError."""
    environ = context.environ
    missing = [name for name in (KEY_ID, SECRET_KEY) if not environ.get(name, "").strip()]
    if missing:
        raise SinkError(
            f"{kind}: these must be set in the environment: {' and '.join(missing)}, the "
            f"credentials of a role or a user; or {ROLE} and an ID token"
        )
    for name in (KEY_ID, SESSION):
        if not re.fullmatch("[!-~]*", environ.get(name, "").strip()):
            raise SinkError(f"{kind}: {name} contains characters that are not valid in it")
    return AwsSignature(
        environ[KEY_ID].strip(),
        token_of(kind, access, context),
        context.secret_of(SESSION),
        region,
        service,
        context.servers().clock,
    )
