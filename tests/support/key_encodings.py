"""Every way in which a key could stand in a text without being seen as the key."""

import base64
import codecs
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote


def key_encodings(key: str) -> dict[str, bytes]:
    """Return the key in each encoding, by the encoding's name."""
    raw, secret = key.encode(), key[20:63].encode()
    wide, wide_big = key.encode("utf-16-le"), key.encode("utf-16-be")
    found = {
        "raw": raw,
        "secret part": secret,
        "rot13": codecs.encode(key, "rot13").encode(),
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "hex with colons": raw.hex(":").encode(),
        "base32": base64.b32encode(secret)[:68],
        "reversed": secret[::-1],
        "percent": "".join(f"%{byte:02X}" for byte in secret).encode(),
        "json": json.dumps({"key": key}).encode()[9:-2],
        "python": ", ".join(str(byte) for byte in secret).encode(),
        "utf-16-le": wide,
        "utf-16-be": wide_big,
        "utf-16-le hex": wide.hex().encode(),
        "ascii85": base64.a85encode(secret)[:50],
        "lower case": key.lower().encode(),
        "upper case": key.upper().encode(),
    }
    for name, part in (("", secret), (" of utf-16-le", secret.decode().encode("utf-16-le"))):
        for alignment in range(3):
            core = _base64_core(part, alignment)
            found[f"base64{name} at {alignment}"] = core
            found[f"base64url{name} at {alignment}"] = core.translate(_URL_SAFE)
    assert quote(key, safe="") == key  # else there would be one more
    for start in range(len(secret) - _WINDOW + 1):
        found[f"from character {start} of the secret"] = secret[start : start + _WINDOW]
    return found


_WINDOW = 12
"""So many characters of a key in a row are a leak."""


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _base64_core(raw: bytes, alignment: int) -> bytes:
    """Return the base64 characters that these bytes alone decide, behind so many others."""
    encoded = base64.b64encode(bytes(alignment) + raw).rstrip(b"=")
    return encoded[-(-alignment * 8 // 6) : (alignment + len(raw)) * 8 // 6]


def leaks(key: str, places: Mapping[str, bytes]) -> list[str]:
    """Tell in which places a key stands, and how it is encoded there."""
    encoded = key_encodings(key)
    return [
        f"{place}: {name}"
        for place, content in places.items()
        for part in (content, *_unpacked(content))
        for name, text in encoded.items()
        if text in part
    ]


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Yield what is packed by gzip anywhere in a content."""
    for begin in re.finditer(rb"\x1f\x8b\x08", content):
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            yield unpacker.decompress(content[begin.start() :], 1 << 20)
        except zlib.error:  # these three bytes began nothing
            continue


def files_below(*folders: Path) -> dict[str, bytes]:
    """Return every file in some folders, by path; the name belongs to the content."""
    return {
        str(path): path.name.encode() + b"\n" + path.read_bytes()
        for path in _files(folders)
        if not path.is_socket()
    }


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())
