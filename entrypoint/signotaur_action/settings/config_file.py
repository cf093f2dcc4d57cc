"""``~/.signotaur/config.json``: the settings file that the vendor's tool and this client share."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from signotaur_action.http.address import parse_server_url
from signotaur_action.settings.encodings import codec_name
from signotaur_wire.signing import is_thumbprint

Value = str | bool
_BOOLEANS = {"true": True, "false": False}


def config_path(environ: Mapping[str, str]) -> Path:
    """Return where the file is for the user of this environment."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home or "/nonexistent", ".signotaur", "config.json")


def read_config(path: Path) -> dict[str, object]:
    """Return the members of the file; none if there is no file. Raises ValueError."""
    try:
        config = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError):
        raise ValueError(f"{path} cannot be read as JSON") from None
    if isinstance(config, dict):
        return config
    raise ValueError(f"{path} does not contain a JSON object")


def _boolean(text: str) -> Value:
    if text not in _BOOLEANS:
        raise ValueError("it must be true or false")
    return _BOOLEANS[text]


def _text(text: str) -> Value:
    if not text.strip():
        raise ValueError("it is empty; config unset removes a setting")
    return text


def require_thumbprint(text: str) -> str:
    """Return a certificate's thumbprint. Raises ValueError for another text."""
    if not is_thumbprint(text):
        raise ValueError("it must be the SHA-1 of a certificate, 40 hex digits")
    return text


def _encoding(text: str) -> Value:
    codec_name(text)  # raises ValueError
    return text


def _theme(text: str) -> Value:
    if text not in ("General", "Dark", "Light", "None"):
        raise ValueError("it must be General, Dark, Light or None")
    return text


SETTINGS: dict[str, Callable[[str], Value]] = {
    "signServer": parse_server_url,
    "allowUntrusted": _boolean,
    "thumbprint": require_thumbprint,
    "label": _text,
    "subject": _text,
    "encoding": _encoding,
    "theme": _theme,
    "noColor": _boolean,
}
"""The documented settings of the tool, and how each value is read. No key is among them."""
