"""Whom to talk to: addresses that may be given a secret, and the proxy on the way."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit


@dataclass(frozen=True)
class ServerAddress:
    """How to reach a server and whom to trust."""

    url: str
    """Base URL without a final slash; https, or http to this machine."""
    timeout: timedelta = timedelta(seconds=60)
    """For all calls of the run together, retries included."""
    ca_file: Path | None = None
    """Trusted instead of the usual authorities."""
    allow_untrusted: bool = False
    proxy: str | None = None
    retries: int = 6
    """How often a call is repeated at most, within ``timeout``."""
    read_timeout: timedelta = timedelta(seconds=15)
    """The longest pause in an answer; after a longer one the answer counts as lost."""


def parse_server_url(text: str) -> str:
    """Return a URL that a secret may be sent to, without final slash. Raises ValueError."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises ValueError for a port that is not a number
    except ValueError:
        raise ValueError("it is not a URL") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("it must be an https URL, such as https://signotaur.example.com")
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError("it must not contain a user name, a password, ? or #")
    if parts.scheme == "http" and not _is_loopback(parts):
        raise ValueError("plain http would expose the key on the network; it must be https")
    if re.search(r"[\x00-\x20\x7f-\U0010ffff]", text):
        raise ValueError("it contains spaces or other characters that are not valid in a URL")
    return text.rstrip("/")


def join_path(*parts: str) -> str:
    """Return the path of these parts, each escaped whole; a name may contain a slash."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Take HTTPS_PROXY and NO_PROXY explicitly: the session itself reads no variables."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or _is_loopback(parts):
        return None  # no proxy is between this machine and itself
    for pattern in _variable(environ, "NO_PROXY").replace(" ", "").split(","):
        name = pattern.removeprefix("*").lstrip(".").lower()
        if pattern == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return None
    own = "HTTP_PROXY" if parts.scheme == "http" else "HTTPS_PROXY"
    return _variable(environ, own) or _variable(environ, "ALL_PROXY") or None


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""
