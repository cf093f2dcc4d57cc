"""Sign-in to AWS as a role, by the ID token of the job: no stored key.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html. The
variables are those of Amazon's own tools, and ``AWS_ID_TOKEN`` for what GitLab gives a job.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

from signotaur_action.http import Anonymous, Authentication
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, require_name
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_action.sinks.sign_in.id_token import id_token_source, require_audience, token_in
from signotaur_action.sinks.stores.aws_access import KEY_ID, aws_access
from signotaur_action.sinks.stores.aws_signature import AwsSignature
from signotaur_action.sinks.stores.store import FORBIDDEN, SignIn, Store

ROLE, TOKEN_FILE = "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"
SESSION_NAME = "AWS_ROLE_SESSION_NAME"
ID_TOKEN = "AWS_ID_TOKEN"  # noqa: S105 - a variable's name
_AUDIENCE = "sts.amazonaws.com"
_ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}"
_NAME = r"[A-Za-z0-9_+=,.@-]{2,64}"
_VISIBLE = re.compile("[!-~]+")
_SECONDS = "900"
"""The shortest session that there is; a run lasts a third of it."""
_ACTION = "AssumeRoleWithWebIdentity"
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_BAD_REQUEST = 400


def aws_sign_in(kind: str, context: SinkContext, service: str, region: str) -> SignIn | None:
    """Return how the run becomes a role; None where no role is named, or a key is.

    Raises SinkError with what is wrong. The sign-in raises StoreRefusedError, or HttpError when no
    answer came. What it gets is masked.
    """
    role = context.environ.get(ROLE, "").strip()
    if not role or context.environ.get(KEY_ID, "").strip():  # the order of Amazon's own tools
        return None
    name = context.environ.get(SESSION_NAME, "").strip() or "signotaur-action"
    require_name(f"{kind}: {ROLE}", role, _ROLE, "a role, such as arn:aws:iam::ACCOUNT:role/NAME")
    require_name(f"{kind}: {SESSION_NAME}", name, _NAME, "2 to 64 letters, digits and _+=,.@-")
    id_token = _id_token(kind, context)
    access = aws_access("sts", "STS", region, context.environ)
    access = replace(access, denied_statuses=(_BAD_REQUEST, FORBIDDEN))
    sts = Store(kind, access, context, Anonymous())

    def sign_in(_store: Store) -> Authentication:
        key_id, secret_key, session = _exchanged(sts, role, name, id_token())
        for secret in (secret_key, session):
            context.mask_token(secret)
        clock = context.servers().clock
        return AwsSignature(key_id.reveal(), secret_key, session, region, service, clock)

    return sign_in


def _id_token(kind: str, context: SinkContext) -> Callable[[], Secret]:
    file = context.file_of(TOKEN_FILE)
    if file is None:
        return id_token_source(kind, context, ID_TOKEN, _AUDIENCE)

    def in_file() -> Secret:
        token = token_in(file)
        require_audience(token, _AUDIENCE)
        return token

    return in_file


def _exchanged(sts: Store, role: str, name: str, token: Secret) -> tuple[Secret, Secret, Secret]:
    """Return id, secret key and session token of a session of the role."""
    form = {
        "Action": _ACTION,
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": name,
        "WebIdentityToken": token.reveal(),
        "DurationSeconds": _SECONDS,
    }
    answer = sts.call("POST", "/", urlencode(form).encode(), hide=[token], headers=_HEADERS)
    sts.require_success(answer, f"a role {role} that trusts this job")
    found = answer.document
    for each in (f"{_ACTION}Response", f"{_ACTION}Result", "Credentials"):
        found = found.get(each) if isinstance(found, dict) else None
    members = found if isinstance(found, dict) else {}
    texts = [members.get(each) for each in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    given = [Secret(each) for each in texts if isinstance(each, str) and _VISIBLE.fullmatch(each)]
    if len(given) < len(texts):
        raise StoreRefusedError("AWS STS returned no credentials")
    return given[0], given[1], given[2]
