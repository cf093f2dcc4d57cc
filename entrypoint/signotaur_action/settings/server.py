"""The server and how to reach it, for every command; and the way to other servers."""

from datetime import timedelta
from pathlib import Path

from signotaur_action.errors import os_reason
from signotaur_action.http import ServerAddress, StoreAccess
from signotaur_action.http.address import parse_server_url, proxy_for
from signotaur_action.model import Secret
from signotaur_action.options.common import (
    ALLOW_UNTRUSTED,
    CA_FILE,
    GITHUB_TOKEN,
    SIGN_SERVER,
    TIMEOUT,
)
from signotaur_action.ports import Clock
from signotaur_action.settings.layers import Settings
from signotaur_wire.durations import parse_duration

_SECOND = timedelta(seconds=1)
_LONGEST = timedelta(minutes=4)
"""Below the watchdog's 5 minutes, so that a slow server is reported and not just killed."""


def server_address(settings: Settings) -> ServerAddress:
    """Return the server's address; faults gather in ``settings``."""
    url = settings.checked(SIGN_SERVER, _server_url, "")
    return ServerAddress(
        url=url,
        timeout=settings.checked(TIMEOUT, _timeout, _LONGEST),
        ca_file=settings.checked(CA_FILE, _ca_file, None),
        allow_untrusted=_allow_untrusted(settings),
        proxy=proxy_for(url, settings.environ),
    )


def github_token(settings: Settings) -> Secret | None:
    """Return the token for GitHub, if one is given."""
    text = settings.text(GITHUB_TOKEN).strip()
    return Secret(text) if text else None


def store_access(settings: Settings, clock: Clock) -> StoreAccess:
    """Return the way to other servers than the key server."""
    ca_file = settings.text(CA_FILE)
    return StoreAccess(settings.environ, clock, ca_file=Path(ca_file) if ca_file else None)


def _server_url(text: str) -> str:
    if not text:
        raise ValueError("no server is set; give --sign-server or set SIGNOTAUR_SERVER")
    return parse_server_url(text)


def _allow_untrusted(settings: Settings) -> bool:
    """Return the flag; together with a CA file, which it would make useless, it is a fault."""
    given = settings.flag(ALLOW_UNTRUSTED)
    if given and settings.text(CA_FILE):
        layers = (settings.layer_of(ALLOW_UNTRUSTED), settings.layer_of(CA_FILE))
        settings.faults.append(
            "--allow-untrusted (given by {}) would turn off the check against --ca-file (given "
            "by {}); give only one of them".format(*layers)
        )
    return given


def _timeout(text: str) -> timedelta:
    timeout = parse_duration(f"{text}s" if text.isdecimal() else text)
    if not _SECOND <= timeout <= _LONGEST:
        raise ValueError("it must be between 1s and 4m")
    return timeout


def _ca_file(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({os_reason(error)})") from None
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ValueError(f"{path} does not contain a PEM certificate")
    return path.absolute()
