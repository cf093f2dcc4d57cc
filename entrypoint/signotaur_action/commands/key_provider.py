"""The key of a run: as the settings give it, or for the ID token of the job (``--oidc``)."""

from collections.abc import Callable, Sequence

from signotaur_action.console.console import Console
from signotaur_action.errors import ServerError, UnauthorizedError
from signotaur_action.http import HttpError, ServerAddress
from signotaur_action.key_server.token_exchange import exchange
from signotaur_action.model import Secret
from signotaur_action.options.common import API_KEY, API_KEY_FILE, API_KEY_NAME, OIDC
from signotaur_action.options.declare import Option
from signotaur_action.ports import Clock
from signotaur_action.settings.key import key_source
from signotaur_action.settings.layers import Settings
from signotaur_action.settings.server import store_access
from signotaur_action.sinks.base import SinkContext, SinkError
from signotaur_action.sinks.errors import StoreRefusedError
from signotaur_action.sinks.sign_in.id_token import id_token_source

KeyProvider = Callable[[], Secret]
"""Returns the key, masked. Raises SignotaurError when an exchange gives none."""
_VARIABLE = "SIGNOTAUR_ID_TOKEN"


def key_provider(
    settings: Settings,
    server: ServerAddress,
    console: Console,
    clock: Clock,
    not_with_oidc: Sequence[Option],
) -> KeyProvider | None:
    """Return how the run gets its key; None with the fault in ``settings`` when it cannot.

    ``not_with_oidc``: options for a key that lasts, which are faults with ``--oidc``.
    """
    if settings.flag(OIDC):
        return _by_identity(settings, server, console, clock, not_with_oidc)
    source = key_source(settings)
    if source is None:
        return None

    def given() -> Secret:
        console.mask(source.key)
        return source.key

    return given


def _by_identity(
    settings: Settings,
    server: ServerAddress,
    console: Console,
    clock: Clock,
    not_with_oidc: Sequence[Option],
) -> KeyProvider | None:
    _refuse_keys(settings)
    settings.faults.extend(
        f"{option} cannot be used with {OIDC}: the key of this job is valid for a few minutes only"
        for option in not_with_oidc
        if settings.is_given(option)
    )
    access = store_access(settings, clock)
    context = SinkContext(
        console.emit, settings.environ, store_access=access, mask_token=console.mask_token
    )
    try:
        id_token = id_token_source(str(OIDC), context, _VARIABLE, server.url)
    except SinkError as fault:
        settings.faults.append(str(fault))
        return None

    def exchanged() -> Secret:
        try:
            token = id_token()
        except StoreRefusedError as error:
            raise UnauthorizedError(
                f"This job has no ID token for the key server: {error}.",
                next_step=f"Let the platform issue a token for the audience {server.url}.",
            ) from None
        except HttpError as fault:
            raise ServerError(f"This job has no ID token: {fault}") from None
        console.mask_token(token)
        key = exchange(server, clock, token)
        console.mask(key)
        return key

    return exchanged


def _refuse_keys(settings: Settings) -> None:
    given = [str(option) for option in (API_KEY, API_KEY_FILE) if settings.is_given(option)]
    name = settings.text(API_KEY_NAME)
    if settings.environ.get(name, "").strip():
        given.append(f"the variable {name}")
    settings.faults.extend(
        f"{OIDC} and {each} cannot be used together: with {OIDC} no key may be given"
        for each in given
    )
