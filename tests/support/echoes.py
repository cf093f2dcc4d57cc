"""Forms in which servers and programs repeat a secret, and a check for them."""

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote

from signotaur_wire import keyformat

BODY = "sig_0123456789ABCDE_" + "Qk7xT" * 8 + "z9R"
SECRETS = {
    "own key": BODY + keyformat.checksum(BODY),
    "vendor key": "vend+AbCdEfGhIjKl/MnOpQrStUvWxYz+0123456789==",
    "quoted key": 'k"AbCdEfGhIjKlMn\\OpQrStUvWx<Yz&0123456789',
    "GitHub token": "ghp_" + "aB3dE6gH9jK2mN5pQ8sT" * 2,
    "GitLab token": "glpat-aB3dE6gH9jK2mN5pQ8sT",
    "Vault token": 'hvs."AbCdEfGhIjKlMn\\OpQrStUvWxYz0123456789',
}


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}"


def _dotnet(text: str) -> str:
    """Return JSON as .NET writes it, which escapes what HTML reads."""
    return re.sub(r'[+&<>"\']', lambda match: f"\\u{ord(match[0]):04X}", text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


IN_JSON: dict[str, Callable[[str], str]] = {
    "as json.dumps writes it": lambda text: json.dumps(text)[1:-1],
    "as PHP writes it": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "as .NET writes it": lambda text: _dotnet(text.replace("\\", "\\\\")),
    "every character escaped": lambda text: "".join(map(_escaped, text)),
}
"""The source text between the quotes of a JSON string."""

IN_TEXT: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": _base64,
    "base64 of the header": lambda text: _base64(f"Bearer {text}"),
    "base64 of basic authentication": lambda text: _base64(f"user:{text}"),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "reversed": lambda text: text[::-1],
    "upper case": str.upper,
    "spaced": " ".join,
    "dashed": "-".join,
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "URL": lambda text: quote(text, safe=""),
    "every character as in a URL": lambda text: "".join(f"%{ord(each):02x}" for each in text),
    "HTML": html.escape,
    "every character as in HTML": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"error": text})),
    "escaped JSON in JSON": lambda text: '{"error": "' + "".join(map(_escaped, text)) + '"}',
    "halves": lambda text: f"{text[: len(text) // 2]} {text[len(text) // 2 :]}",
    "the last 20": lambda text: text[-20:],
    "in lines": lambda text: "\n".join(re.findall(".{1,15}", text)),
}


def plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def shows(text: str, form: str) -> bool:
    """Return whether a text contains 12 consecutive letters and digits of a form."""
    left, whole = plain(text), plain(form)
    return any(whole[start : start + 12] in left for start in range(len(whole) - 11))
