"""The ID token of a CI job: its platform says which job this is, to one audience.

GitHub: https://docs.github.com/en/actions/reference/security/oidc. GitLab puts the tokens of
``id_tokens:`` into variables: https://docs.gitlab.com/ci/secrets/id_token_authentication/. An ID
token is checked here for its audience alone. Who gets it checks the rest.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

from signotaur_action.errors import os_reason
from signotaur_action.http import ApiProfile, Credential
from signotaur_action.http.address import parse_server_url
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError

_URL, _REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_PARTS = 3
"""Header, payload and signature (RFC 7519)."""


def can_ask_github(context: SinkContext) -> bool:
    """Return whether the job may ask GitHub for ID tokens: it has ``id-token: write``."""
    return bool(context.environ.get(_URL) and context.environ.get(_REQUEST_TOKEN))


def ask_github(context: SinkContext, audience: str) -> Secret:
    """Return an ID token of this job for an audience, masked.

    Raises StoreRefusedError, or HttpError when GitHub gave no answer.
    """
    asked = Secret(context.environ[_REQUEST_TOKEN])
    parts = urlsplit(context.environ[_URL])
    try:
        base = parse_server_url(f"{parts.scheme}://{parts.netloc}")
    except ValueError as error:
        raise StoreRefusedError(f"{_URL}: {error}") from None
    client = context.servers().client(base, ApiProfile("GitHub's ID tokens", repeatable=("GET",)))
    query = "&".join(filter(None, [parts.query, f"audience={quote(audience, safe='')}"]))
    answer = client.call("GET", f"{parts.path}?{query}", Credential(asked))
    text = answer.text("value")
    if answer.refused or not text:
        raise StoreRefusedError(f"GitHub gave this job no ID token ({answer.status})")
    token = Secret(text)
    context.mask_token(token)
    return token


def id_token_source(
    kind: str, context: SinkContext, variable: str, audience: str
) -> Callable[[], Secret]:
    """Return how this job gets its ID token: from a variable, else from GitHub.

    Raises SinkError where it has neither. What is returned raises StoreRefusedError, also for a
    token that was made for another audience, or HttpError when GitHub gave no answer.
    """
    given = context.secret_of(variable)
    if given is None and not can_ask_github(context):
        raise SinkError(
            f"{kind}: needs an ID token: give the job the permission id-token: write on GitHub, or "
            f"set {variable} by id_tokens: on GitLab"
        )

    def id_token() -> Secret:
        token = given or ask_github(context, audience)
        require_audience(token, audience)
        return token

    return id_token


def require_audience(token: Secret, audience: str) -> None:
    """Refuse an ID token that was made for somebody else, before anybody gets it.

    Raises StoreRefusedError.
    """
    if _payload(token.reveal()).get("aud") not in (audience, [audience]):
        raise StoreRefusedError(f"the ID token must be for the audience {audience} alone")


def token_in(file: Path) -> Secret:
    """Return the token that a platform keeps in a file. Raises StoreRefusedError."""
    try:
        return Secret(file.read_text(encoding="ascii").strip())
    except OSError as error:
        raise StoreRefusedError(f"{file} cannot be read ({os_reason(error)})") from None
    except ValueError:
        raise StoreRefusedError(f"{file} is not a token") from None


def _payload(text: str) -> dict[str, object]:
    parts = text.split(".")
    try:
        content = parts[1] if len(parts) == _PARTS else ""
        payload = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise StoreRefusedError("the ID token is not a JSON Web Token")
    return payload
