"""Which texts a CI system must hide so that a key cannot be read from a log in another form.

The GitHub runner itself masks a value, its base64 at three alignments, and its JSON, URI, XML
and shell escapes. It misses what this module adds: base64 with more text behind the key or broken
into lines, base64url, hexadecimal, base32, UTF-16, reversed text, the other escapes of URLs, HTML
and quoted text, and the secret part of the key alone.
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
    for encoded in (raw, text.encode("utf-16-le"), text.encode("utf-16-be")):
        yield encoded.hex()
        yield encoded.hex().upper()
    for encoded in (raw, text.encode("utf-16-le")):
        for core in _cores(encoded, base64.b64encode, bits=6):
            yield core
            yield core.replace("+", "-").replace("/", "_")
    yield from _cores(raw, base64.b32encode, bits=5)
    yield from _broken_into_lines(raw)
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

    Whatever stands before and after the text, its encoding holds one of these cores: the first
    and last characters, which the neighbours influence, are left out.
    """
    for before in range(lcm(bits, 8) // 8):
        encoded = encode(bytes(before) + raw).decode()
        first = -(-before * 8 // bits)
        last = (before + len(raw)) * 8 // bits
        yield encoded[first:last]


def _broken_into_lines(raw: bytes) -> Iterator[str]:
    """Yield the lines that ``base64`` (76 columns) and ``openssl base64`` (64) make of the text.

    The log is masked line by line, so the core as a whole would hide none of them.
    """
    core = next(_cores(raw, base64.b64encode, bits=6))
    for width in (64, 76):
        yield from (core[start : start + width] for start in range(0, len(core), width))
