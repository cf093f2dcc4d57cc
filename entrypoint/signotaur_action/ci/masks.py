"""Which texts a CI system must hide so that a key cannot be read from a log in another form.

The GitHub runner itself masks a value, its base64 at three alignments, and its JSON, URI, XML
and shell escapes. It misses what this module adds: base64 with more text behind the key, base64url,
hexadecimal, base32, UTF-16, reversed text, the other escapes of URLs, HTML and quoted text, the
secret part of the key alone; and the lines of base64, of hexadecimal and of the key itself where
a tool breaks them.
"""

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterator
from html import escape
from math import lcm
from urllib.parse import quote, quote_plus

from signotaur_action.model import Secret
from signotaur_wire.keyformat import CHECKSUM_LENGTH, PREFIX, PUBLIC_ID_LENGTH, KeyFormatError
from signotaur_wire.keyformat import parse as parse_key

SHORTEST = 16
"""Shorter texts are never masked: the runner hides every occurrence of a mask in the whole job."""

_STEP = 4
"""A window at each character would mean four times the masks, each tried on each line of a log."""


def masks_for(key: Secret) -> list[str]:
    """Return every text to mask for a key, the key itself first, without repetitions."""
    masks = [*encodings(key), *_fragments(key.reveal())]
    return list(dict.fromkeys(masks))


def mask_for_token(token: Secret) -> str:
    """Return the one text to mask for a token that a run was given: the token, whole.

    It ends within minutes. It is long, so its encodings and parts would be thousands of masks, and
    some parts, like the header of every JSON Web Token, are no secret.
    """
    return token.reveal()


def encodings(key: Secret) -> list[str]:
    """Return the key and its secret part, whole, in every encoding; the key itself first."""
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
    for encoded in (raw, text.encode("utf-16-le"), text.encode("utf-16-be")):
        yield encoded.hex()
        yield encoded.hex().upper()
    for encoded in (raw, text.encode("utf-16-le")):
        for core in base64_cores(encoded):
            yield core
            yield core.replace("+", "-").replace("/", "_")
    yield from _cores(raw, base64.b32encode, bits=5)
    yield text[::-1]
    yield from _escaped(text)


def _escaped(text: str) -> Iterator[str]:
    """Yield escapes that change nothing in our own keys, only in those of other servers."""
    for percent in (quote(text, safe=""), quote(text), quote(text, safe="!()*")):
        yield percent
        small = re.sub("%..", lambda match: match[0].lower(), percent)
        yield small  # as .NET's HttpUtility writes it, which also escapes the tilde
        yield small.replace("~", "%7e")
    yield quote_plus(text)
    yield json.dumps(text)[1:-1]
    yield escape(text)
    yield escape(text, quote=False)
    yield text.replace("\\", "\\\\").replace("'", "\\'")
    yield text.replace("'", "\\'")
    yield shlex.quote(text)


def _cores(raw: bytes, encode: Callable[[bytes], bytes], *, bits: int) -> Iterator[str]:
    """Yield the characters that the text alone decides, at each alignment.

    Whatever is before and after the text, its encoding contains one of these cores: the first
    and last characters, which the neighbours influence, are left out.
    """
    for before in range(lcm(bits, 8) // 8):
        encoded = encode(bytes(before) + raw).decode()
        first = -(-before * 8 // bits)
        last = (before + len(raw)) * 8 // bits
        yield encoded[first:last]


def base64_cores(raw: bytes) -> list[str]:
    """Return what every base64 text that encodes these bytes contains, at each alignment."""
    return list(_cores(raw, base64.b64encode, bits=6))


def _fragments(text: str) -> Iterator[str]:
    """Yield parts of the key, its hexadecimal and its base64, for tools that break lines.

    The runner masks each line on its own, so a whole encoding hides none of its lines. It joins
    masks that overlap: of a line with 19 or more characters in a row of these forms, at
    most 3 at either end stay. ``base64`` breaks lines between groups of four, and there no more
    than 15 characters stay: the windows of its cores begin where a group does.
    """
    raw = text.encode()
    yield from _windows(text)
    yield from _windows(raw.hex())
    for first_group, core in zip((0, 2, 1), base64_cores(raw), strict=True):
        yield from _windows(core, first_group)


def _windows(text: str, first: int = 0) -> Iterator[str]:
    """Yield the shortest masks of a text: its ends, and one at every fourth character."""
    last = len(text) - SHORTEST
    if last >= 0:
        starts = {0, *range(first, last, _STEP), last}
        yield from (text[start : start + SHORTEST] for start in sorted(starts))
