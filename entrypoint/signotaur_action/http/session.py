"""One requests session with everything fixed that its defaults leave open.

Nothing is taken from the environment: a ``.netrc`` would replace the Authorization header, and
variables would choose which authorities to trust.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import create_urllib3_context

from signotaur_action.http.connection import WaitLimits, bounded_connections
from signotaur_action.http.errors import HttpError, reason
from signotaur_wire.version import VERSION


class _Adapter(HTTPAdapter):
    """Applies the limits to connections, and trusts additional authorities."""

    def __init__(self, limits: WaitLimits, also_trusted: Sequence[Path]) -> None:
        self._connections = bounded_connections(limits)
        self._context = _trusting(also_trusted) if also_trusted else None
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        """See requests."""
        if self._context is not None:
            settings["ssl_context"] = self._context
        super().init_poolmanager(*arguments, **settings)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        """See requests."""
        if self._context is not None:
            settings["ssl_context"] = self._context
        return super().proxy_manager_for(proxy, **settings)

    def get_connection_with_tls_context(self, *arguments: Any, **settings: Any) -> Any:
        """See requests."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **settings)
        pool.ConnectionCls = self._connections[pool.scheme]
        return pool


def _trusting(files: Sequence[Path]) -> ssl.SSLContext:
    """Return a TLS context that trusts these PEM files. Raises HttpError.

    The context has the settings that urllib3 uses for every other connection; requests adds the
    authorities of certifi. ``ssl.create_default_context`` would also trust what the variables
    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name.
    """
    context = create_urllib3_context()
    for path in files:
        try:
            context.load_verify_locations(path)
        except OSError as error:
            why = reason(error)
            raise HttpError(
                f"{path} contains no certificate authorities to trust: {why}."
            ) from None
    return context


def usual_authorities() -> Path:
    """Return the PEM file of the authorities that are trusted where no others are given."""
    return Path(requests.utils.DEFAULT_CA_BUNDLE_PATH)


def new_session(
    proxy: str | None, limits: WaitLimits, *, also_trusted: Sequence[Path] = ()
) -> requests.Session:
    """Return a session that ignores the environment and does not repeat requests.

    ``also_trusted``: PEM files of authorities besides the usual ones. Raises HttpError.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = f"signotaur-action/{VERSION}"
    session.headers["Accept"] = "application/json"
    session.proxies = {"https": proxy, "http": proxy} if proxy else {}
    adapter = _Adapter(limits, also_trusted)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
