"""Sign-in to Vault and OpenBao: a token for this run alone, for what the job is or has.

https://developer.hashicorp.com/vault/api-docs/auth/jwt, /auth/kubernetes and /auth/approle. The
variables ``VAULT_AUTH_ROLE`` and ``VAULT_AUTH_PATH`` are those of GitLab's own integration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from signotaur_action.http import Authentication, Credential
from signotaur_action.http.address import join_path
from signotaur_action.model import Secret
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_action.sinks.sign_in.id_token import id_token_source, token_in
from signotaur_action.sinks.stores.store import SignIn, Store
from signotaur_wire.members import Json

METHOD, ROLE, PATH = "VAULT_AUTH_METHOD", "VAULT_AUTH_ROLE", "VAULT_AUTH_PATH"
ID_TOKEN = "VAULT_ID_TOKEN"  # noqa: S105 - a variable's name
ROLE_ID, SECRET_ID = "VAULT_ROLE_ID", "VAULT_SECRET_ID"
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_SERVICE_ACCOUNT_VARIABLE = "VAULT_KUBERNETES_TOKEN_FILE"


@dataclass(frozen=True)
class Login:
    """How a run signs in. ``secrets`` returns the body, whose texts are not shown in answers."""

    path: str
    secrets: Callable[[], Mapping[str, Secret]]
    public: Mapping[str, str]
    """The members of the body that are no secret: the role."""


def vault_sign_in(login: Login, context: SinkContext) -> SignIn:
    """Return how Vault gives this run a token. The token is masked.

    Raises StoreRefusedError where Vault, or the job's platform, refuses.
    """

    def sign_in(vault: Store) -> Authentication:
        secrets = login.secrets()
        body: Json = {name: secret.reveal() for name, secret in secrets.items()}
        path = join_path("v1", "auth", *login.path.split("/"), "login")
        answer = vault.post_anonymously(path, body | dict(login.public), [*secrets.values()])
        vault.require_success(answer, f"a role at auth/{login.path} that accepts this sign-in")
        about = answer.member("auth")
        text = about.get("client_token") if isinstance(about, dict) else None
        if not isinstance(text, str) or not text:
            raise StoreRefusedError("Vault accepted the sign-in, but returned no token")
        token = Secret(text)
        context.mask_token(token)
        return Credential(token, "X-Vault-Token", "")

    return sign_in


def chosen_login(kind: str, context: SinkContext, address: str) -> Login | None:
    """Return how the run signs in; None where a token is used. Raises SinkError.

    ``address``: of the server. ID tokens must be made for it.
    """
    method = context.environ.get(METHOD, "").strip()
    if not method:
        return None
    if method not in _METHODS:
        raise SinkError(f"{kind}: {METHOD} must be one of {', '.join(_METHODS)}")
    path = context.environ.get(PATH, "").strip("/ ") or method
    return _METHODS[method](kind, path, context, address)


def _jwt(kind: str, path: str, context: SinkContext, address: str) -> Login:
    role = _required(kind, context, ROLE)
    id_token = id_token_source(kind, context, ID_TOKEN, address)
    return Login(path, lambda: {"jwt": id_token()}, {"role": role})


def _kubernetes(kind: str, path: str, context: SinkContext, _address: str) -> Login:
    role = _required(kind, context, ROLE)
    file = context.file_of(_SERVICE_ACCOUNT_VARIABLE) or _SERVICE_ACCOUNT

    return Login(path, lambda: {"jwt": token_in(file)}, {"role": role})


def _approle(kind: str, path: str, context: SinkContext, _address: str) -> Login:
    _required(kind, context, ROLE_ID, SECRET_ID)
    role, secret = context.secret_of(ROLE_ID), context.secret_of(SECRET_ID)
    both = {"role_id": role, "secret_id": secret}
    return Login(path, lambda: {name: each for name, each in both.items() if each}, {})


def _required(kind: str, context: SinkContext, *names: str) -> str:
    """Return the value of the first variable. Raises SinkError, with all that are missing."""
    values = {name: context.environ.get(name, "").strip() for name in names}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise SinkError(
            f"{kind}: these must be set in the environment for this {METHOD}: "
            f"{' and '.join(missing)}"
        )
    return values[names[0]]


_METHODS = {"jwt": _jwt, "kubernetes": _kubernetes, "approle": _approle}
