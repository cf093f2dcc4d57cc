"""Sign-in to Google Cloud by workload identity federation: no key of a service account.

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token and, for a service account,
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts.
"""

import re
from collections.abc import Mapping

from signotaur_action.http import (
    Anonymous,
    Answer,
    ApiProfile,
    Authentication,
    Credential,
    HttpClient,
    refusal_text,
)
from signotaur_action.http.address import join_path, parse_server_url
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_action.sinks.sign_in.id_token import id_token_source
from signotaur_action.sinks.stores.store import SignIn, Store
from signotaur_wire.members import Json

PROVIDER, ACCOUNT = "GCP_WORKLOAD_IDENTITY_PROVIDER", "GCP_SERVICE_ACCOUNT"
ID_TOKEN = "GCP_ID_TOKEN"  # noqa: S105 - a variable's name
_ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
"""How the variables of gcloud begin that name another address of a service."""
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_PROVIDER = re.compile(
    r"projects/[0-9]{1,20}/locations/global/workloadIdentityPools/[a-z0-9-]{4,32}"
    r"/providers/[a-z0-9-]{4,32}"
)
_EMAIL = re.compile(r"[a-z0-9-]{1,63}@[a-z0-9.-]{1,253}")
_TYPES = "urn:ietf:params:oauth:token-type:"
_LIFETIME = "900s"


def google_sign_in(kind: str, context: SinkContext) -> SignIn | None:
    """Return how the run gets a token; None where no provider is named.

    Raises SinkError with what is wrong. The sign-in raises StoreRefusedError, or HttpError when no
    answer came. What it gets is masked.
    """
    provider = context.environ.get(PROVIDER, "").strip()
    account = context.environ.get(ACCOUNT, "").strip()
    if not provider:
        return None
    if not _PROVIDER.fullmatch(provider) or not _EMAIL.fullmatch(account or "none@none"):
        raise SinkError(
            f"{kind}: {PROVIDER} must be projects/NUMBER/locations/global/workloadIdentityPools/"
            f"POOL/providers/PROVIDER, and {ACCOUNT} an address or empty"
        )
    audience = f"https://iam.googleapis.com/{provider}"
    id_token = id_token_source(kind, context, ID_TOKEN, audience)
    exchange = google_service(kind, context, "sts")
    accounts = google_service(kind, context, "iamcredentials") if account else None

    def sign_in(_store: Store) -> Authentication:
        token = _exchanged(context, exchange, provider, id_token())
        if accounts is not None:
            token = _impersonated(context, accounts, account, token)
        return Credential(token)

    return sign_in


def google_service(kind: str, context: SinkContext, service: str) -> HttpClient:
    """Return a client of a service of Google Cloud. Raises SinkError."""
    variable = google_endpoint(service)
    usual = f"https://{service}.googleapis.com"
    try:
        url = parse_server_url(context.environ.get(variable, "").strip().rstrip("/") or usual)
    except ValueError as error:
        raise SinkError(f"{kind}: {variable}: {error}") from None
    profile = ApiProfile(f"Google's {service}", repeatable=("GET", "POST"), json_only=False)
    return context.servers().client(url, profile)


def google_endpoint(service: str) -> str:
    """Return gcloud's variable for the address of a service."""
    return f"{_ENDPOINT}{service.upper()}"


def google_error(answer: Answer) -> str:
    """Return why Google refused: of its services, or of the exchange of tokens."""
    error = answer.member("error")
    if isinstance(error, Mapping):
        return ": ".join(str(error[each]) for each in ("status", "message") if error.get(each))
    reason = (answer.text(each) for each in ("error", "error_description"))
    return ": ".join(filter(None, reason))


def _exchanged(context: SinkContext, client: HttpClient, provider: str, token: Secret) -> Secret:
    body: Json = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{provider}",
        "scope": _SCOPE,
        "requestedTokenType": f"{_TYPES}access_token",
        "subjectToken": token.reveal(),
        "subjectTokenType": f"{_TYPES}jwt",
    }
    answer = client.call("POST", "/v1/token", Anonymous(), body, hide=[token])
    return _token(context, answer, "access_token", "a provider that accepts this job's ID token")


def _impersonated(context: SinkContext, client: HttpClient, account: str, token: Secret) -> Secret:
    body: Json = {"scope": [_SCOPE], "lifetime": _LIFETIME}
    path = f"{join_path('v1', 'projects', '-', 'serviceAccounts', account)}:generateAccessToken"
    answer = client.call("POST", path, Credential(token), body)
    needs = f'the role "Workload Identity User" on {account}'
    return _token(context, answer, "accessToken", needs)


def _token(context: SinkContext, answer: Answer, member: str, needs: str) -> Secret:
    if answer.refused:
        reason = google_error(answer)
        raise StoreRefusedError(
            refusal_text("Google Cloud", answer, reason, needs, pause=None, denied=True)
        )
    text = answer.text(member)
    if not text:
        raise StoreRefusedError("Google Cloud returned no token")
    token = Secret(text)
    context.mask_token(token)
    return token
