"""Which texts a CI system must hide so that a key cannot be read from a log in another form.

The GitHub runner itself masks a value, its base64 at three alignments, and its JSON, URI, XML
and shell escapes. It misses what this module adds: base64 with more text behind the key,
base64url, hexadecimal, base32, UTF-16, reversed text, and the secret part of the key alone.
"""

import base64
import json
from collections.abc import Iterator
from html import escape
from urllib.parse import quote, quote_plus

from signotaur_action.model import Secret
from signotaur_wire.keyformat import CHECKSUM_LENGTH, PREFIX, PUBLIC_ID_LENGTH, KeyFormatError
from signotaur_wire.keyformat import parse as parse_key

SHORTEST = 16
"""Shorter texts are never masked: the runner hides every occurrence of a mask in the whole job."""


def masks_for(key: Secret) -> list[str]:
    """Return every text to mask for a key, the key itself first, without repetitions."""
    text = key.reveal()
    forms = [text, *_derived(text)]
    secret = _secret_part(text)
    if secret is not None:
        forms += [secret, *_derived(secret)]
    return list(dict.fromkeys(form for form in forms if len(form) >= SHORTEST))


def _secret_part(text: str) -> str | None:
    try:
        parse_key(text)
    except KeyFormatError:  # a key of another server: it has no known parts
        return None
    return text[len(PREFIX) + PUBLIC_ID_LENGTH + 1 : -CHECKSUM_LENGTH]


def _derived(text: str) -> Iterator[str]:
    raw = text.encode()
    yield from _base64_cores(raw)
    for encoded in (raw, text.encode("utf-16-le"), text.encode("utf-16-be")):
        yield encoded.hex()
        yield encoded.hex().upper()
    yield from _base64_cores(text.encode("utf-16-le"))
    yield base64.b32encode(raw).decode().rstrip("=")
    yield text[::-1]
    yield quote(text, safe="")
    yield quote_plus(text)
    yield json.dumps(text)[1:-1]
    yield escape(text)


def _base64_cores(raw: bytes) -> Iterator[str]:
    """Yield the base64 characters that the text alone decides, at each of the 3 alignments.

    Whatever stands before and after the text, its base64 holds one of these cores: the first
    and last characters, which the neighbours influence, are left out.
    """
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        core = encoded[first:last]
        yield core
        yield core.replace("+", "-").replace("/", "_")
