"""Which server to talk to, and how, as every command asks for it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from signotaur_action.http_service import ServerAddress
from signotaur_action.policy import parse_duration
from signotaur_action.settings import Settings

_SECOND = timedelta(seconds=1)
_LONGEST = timedelta(minutes=4)
"""Below the watchdog's 5 minutes, so that a slow server is reported and not just killed."""


def server_address(settings: Settings) -> ServerAddress:
    """Return the server's address; faults gather in ``settings``."""
    url = settings.checked("sign-server", _server_url, "")
    return ServerAddress(
        url=url,
        timeout=settings.checked("timeout", _timeout, _LONGEST),
        ca_file=settings.checked("ca-file", _ca_file, None),
        allow_untrusted=settings.flag("allow-untrusted"),
        proxy=proxy_for(url, settings.environ),
    )


def _server_url(text: str) -> str:
    if not text:
        raise ValueError("no server is named; give --sign-server or set SIGNOTAUR_SERVER")
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises ValueError for a port that is no number
    except ValueError:
        raise ValueError("it is not a URL") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("it must be an https URL, like https://signotaur.example.com")
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError("it must hold no user name, password, ? or #")
    if parts.scheme == "http" and not _is_loopback(parts):
        raise ValueError("plain http would show the key to the network; it must be https")
    if re.search(r"[\x00-\x20\x7f-\U0010ffff]", text):
        raise ValueError("it holds spaces or other characters that a URL cannot hold")
    return text.rstrip("/")


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
        raise ValueError(f"{path} cannot be read ({(error.strerror or '').lower()})") from None
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ValueError(f"{path} holds no certificate in PEM form")
    return path.absolute()


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Take HTTPS_PROXY and NO_PROXY explicitly: the session itself reads no variables."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or _is_loopback(parts):
        return None  # no proxy stands between this machine and itself
    for pattern in _variable(environ, "NO_PROXY").replace(" ", "").split(","):
        name = pattern.removeprefix("*").lstrip(".").lower()
        if pattern == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return None
    own = "HTTP_PROXY" if parts.scheme == "http" else "HTTPS_PROXY"
    return _variable(environ, own) or _variable(environ, "ALL_PROXY") or None


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""
