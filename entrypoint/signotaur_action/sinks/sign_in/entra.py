"""Sign-in to Microsoft Entra as an application, with a client secret or without a stored one.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow. The
variables are those of Microsoft's own libraries (azure-identity).
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from signotaur_action.http import Anonymous, ApiProfile, Authentication, Credential, refusal_text
from signotaur_action.http.address import join_path, parse_server_url
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_action.sinks.sign_in.id_token import (
    ask_github,
    can_ask_github,
    require_audience,
    token_in,
)
from signotaur_action.sinks.stores.store import SignIn, Store

TENANT, CLIENT, SECRET = "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"
ID_TOKEN, TOKEN_FILE = "AZURE_FEDERATED_TOKEN", "AZURE_FEDERATED_TOKEN_FILE"
AUTHORITY = "AZURE_AUTHORITY_HOST"
_PUBLIC_CLOUD = "https://login.microsoftonline.com"
_AUDIENCE = "api://AzureADTokenExchange"
"""Of every ID token that Entra takes for a federated credential."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ID = re.compile(r"[0-9A-Za-z.-]{1,253}")
"""A GUID; a tenant may also be a domain."""

Proof = Callable[[], Mapping[str, Secret]]
"""Returns what proves the application, as members of the form."""


def entra_sign_in(kind: str, context: SinkContext, scope: str) -> SignIn:
    """Return how the run gets a token of the application for a scope. The token is masked.

    Raises SinkError with all that is missing. The sign-in raises StoreRefusedError, or HttpError
    when no answer came.
    """
    tenant, client = _ids(kind, context)
    proof = _proof(kind, context)
    try:
        url = parse_server_url(context.environ.get(AUTHORITY, "").strip() or _PUBLIC_CLOUD)
    except ValueError as error:
        raise SinkError(f"{kind}: {AUTHORITY}: {error}") from None

    def sign_in(_store: Store) -> Authentication:
        secrets = proof()
        form = {"grant_type": "client_credentials", "client_id": client, "scope": scope}
        if "client_assertion" in secrets:
            form["client_assertion_type"] = _ASSERTION
        form |= {name: secret.reveal() for name, secret in secrets.items()}
        profile = ApiProfile("Microsoft Entra", repeatable=("GET", "POST"))
        answer = (
            context.servers()
            .client(url, profile)
            .call(
                "POST",
                f"{join_path(tenant)}/oauth2/v2.0/token",
                Anonymous(),
                urlencode(form).encode(),
                hide=[*secrets.values()],
                headers=_FORM,
            )
        )
        if answer.refused:
            needs = f"a credential of the application {client} that accepts this job's ID token"
            reason = answer.text("error_description")
            raise StoreRefusedError(
                refusal_text("Microsoft Entra", answer, reason, needs, pause=None, denied=True)
            )
        text = answer.text("access_token")
        if not text:
            raise StoreRefusedError("Microsoft Entra returned no token")
        token = Secret(text)
        context.mask_token(token)
        return Credential(token)

    return sign_in


def _ids(kind: str, context: SinkContext) -> tuple[str, str]:
    values = {name: context.environ.get(name, "").strip() for name in (TENANT, CLIENT)}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise SinkError(f"{kind}: these must be set in the environment: {' and '.join(missing)}")
    for name, value in values.items():
        if not _ID.fullmatch(value):
            raise SinkError(f"{kind}: {name} is not an id")
    return values[TENANT], values[CLIENT]


def _proof(kind: str, context: SinkContext) -> Proof:
    secret, given = context.secret_of(SECRET), context.secret_of(ID_TOKEN)
    file = context.file_of(TOKEN_FILE)
    several = [name for name in (SECRET, ID_TOKEN, TOKEN_FILE) if context.environ.get(name)]
    if len(several) > 1:
        raise SinkError(f"{kind}: {' and '.join(several)} are set; keep one of them")
    if secret is not None:
        return lambda: {"client_secret": secret}
    if file is not None:
        return lambda: _assertion(token_in(file))
    if given is not None:
        return lambda: _assertion(given)
    if can_ask_github(context):
        return lambda: _assertion(ask_github(context, _AUDIENCE))
    raise SinkError(
        f"{kind}: needs an identity: give the job the permission id-token: write on GitHub, set "
        f"{ID_TOKEN} by id_tokens: on GitLab, or set {TOKEN_FILE} or {SECRET}"
    )


def _assertion(token: Secret) -> Mapping[str, Secret]:
    require_audience(token, _AUDIENCE)
    return {"client_assertion": token}
