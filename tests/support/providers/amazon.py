"""Amazon's doorstep before moto: who calls, with which signature, and what they may do.

moto does the services' work, but lets everybody in. botocore, Amazon's own library, says what the
signature of a request has to be. Refusals are those of Amazon's documentation. Amazon's token
service answers in JSON to those who accept that; moto wants to be asked for it by a member.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.providers.exchange import Call, Reply
from support.providers.id_tokens import ISSUER, claims_of
from support.providers.moto import ask_moto
from support.providers.standin import StandIn
from support.tls import Certificate

REGION = "eu-central-1"
_SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/([a-z]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
ROLE = "arn:aws:iam::123456789012:role/rotation"
AUDIENCE = "sts.amazonaws.com"
_SKEW = 300
_JSON = "application/x-amz-json-1.1"
_FORM = "application/x-www-form-urlencoded"


class Amazon(StandIn):
    """Secrets Manager and Systems Manager, for the callers that were added."""

    def __init__(self, *, tls: Certificate | None = None) -> None:
        super().__init__(tls=tls)
        self.callers: dict[str, tuple[str, str]] = {}
        self.denied: set[str] = set()
        """Actions that the policy of every caller denies."""
        self.subjects: set[str] = set()
        """Of the ID tokens that the role trusts."""

    def add_caller(self, key_id: str, secret_key: str, session_token: str = "") -> None:
        """Let somebody in."""
        self.callers[key_id] = (secret_key, session_token)

    def ask(self, action: str, **body: Any) -> Any:
        """Call moto as the account's owner, past the doorstep; None for a refusal."""
        service = "ssm" if action.startswith("AmazonSSM") else "secretsmanager"
        scope = f"AKIAOWNER/20260101/{REGION}/{service}/aws4_request"
        headers = {
            "X-Amz-Target": action,
            "Content-Type": _JSON,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=, Signature=",
        }
        status, content, _ = ask_moto("POST", "/", json.dumps(body).encode(), headers)
        return None if status >= 400 else json.loads(content or b"null")

    def caller(self, call: Call) -> str:
        """See ``StandIn``: the key's id, because every signature is another one."""
        found = _SCOPE.fullmatch(call.headers.get("authorization", ""))
        return found[1] if found else ""

    def handle(self, call: Call) -> Reply:
        """Refuse who may not do it; let moto answer all others."""
        if call.method != "POST" or call.path != "/":
            self.violation(f"{call.method} {call.path}: these services are called by POST /")
        if call.headers.get("content-type") == _FORM:
            return self._assume_role(call)
        if call.headers.get("content-type") != _JSON:
            self.violation(f"a body of type {call.headers.get('content-type')!r}")
        refusal = self._refusal(call)
        if refusal:
            return refusal
        names = ("authorization", "x-amz-target", "x-amz-date", "content-type")
        headers = {name: call.headers[name] for name in names}
        status, content, kind = ask_moto("POST", "/", call.body, headers)
        return Reply(status, content, {"Content-Type": kind})

    def _assume_role(self, call: Call) -> Reply:
        """Check the form and the ID token; let moto make the session."""
        form = {name: values[-1] for name, values in parse_qs(call.body.decode()).items()}
        if call.headers.get("accept") != "application/json" or "authorization" in call.headers:
            self.violation("a sign-in accepts JSON, and has no signature")
        claims = claims_of(form["WebIdentityToken"])
        if claims["iss"] != ISSUER or claims["aud"] not in (AUDIENCE, [AUDIENCE]):
            return _sts_refused(400, "InvalidIdentityToken", "Incorrect token audience")
        if claims["exp"] < self.now().timestamp():
            return _sts_refused(400, "ExpiredTokenException", "Token expired")
        if form["RoleArn"] != ROLE or claims["sub"] not in self.subjects:
            text = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
            return _sts_refused(403, "AccessDenied", text)
        body = urlencode(form | {"ContentType": "JSON"}).encode()
        status, content, kind = ask_moto("POST", "/", body, {"Content-Type": _FORM})
        made = json.loads(content)["AssumeRoleWithWebIdentityResponse"]
        session = made["AssumeRoleWithWebIdentityResult"]["Credentials"]
        self.add_caller(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        return Reply(status, content, {"Content-Type": kind})

    def _refusal(self, call: Call) -> Reply | None:
        found = _SCOPE.fullmatch(call.headers.get("authorization", ""))
        if not found:
            return _refused("MissingAuthenticationTokenException", "Missing Authentication Token")
        if found[1] not in self.callers:
            text = "The security token included in the request is invalid."
            return _refused("UnrecognizedClientException", text)
        if found[6] != self._signature(call, found):
            text = "The request signature we calculated does not match the signature you provided."
            return _refused("InvalidSignatureException", text)
        action = call.headers["x-amz-target"].rpartition(".")[2]
        if action in self.denied:
            who = "arn:aws:iam::123456789012:user/ci"
            text = f"User: {who} is not authorized to perform: {found[4]}:{action}"
            return _refused("AccessDeniedException", text)
        return None

    def _signature(self, call: Call, found: re.Match[str]) -> str:
        """Return the signature that botocore makes of what arrived."""
        secret_key, token = self.callers[found[1]]
        told = call.headers.get("x-amz-date", "")
        moment = datetime.strptime(told, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs((moment - self.now()).total_seconds()) > _SKEW:
            return ""
        if not {"host", "x-amz-date", "x-amz-target"} <= set(found[5].split(";")):
            return ""
        if call.headers.get("x-amz-security-token", "") != token:
            return ""
        headers = {name: call.headers[name] for name in found[5].split(";")}
        request = AWSRequest("POST", self.url + call.path, headers=headers, data=call.body)
        request.context["timestamp"] = told
        signer = SigV4Auth(Credentials(found[1], secret_key, token or None), found[4], found[3])
        canonical = signer.canonical_request(request)
        return str(signer.signature(signer.string_to_sign(request, canonical), request))


def _refused(name: str, text: str) -> Reply:
    return Reply(400, {"__type": name, "message": text})


def _sts_refused(status: int, name: str, text: str) -> Reply:
    return Reply(status, {"Error": {"Code": name, "Message": text, "Type": "Sender"}})


def new_name() -> str:
    """Return a name that no other test uses."""
    return f"ci/signotaur-{uuid4().hex}"
