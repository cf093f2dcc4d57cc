"""The names that the vendor's tool gives to the encodings of text files."""

import codecs
import re

_NAMES = {"utf8": "utf-8", "utf16": "utf-16", "oemcodepage": "oem"}
_PAGES = {1200: "utf-16-le", 1201: "utf-16-be", 20127: "ascii", 65001: "utf-8"}
_ISO_8859 = 28590
_CODE_PAGE = re.compile("codepage([0-9]{1,5})")


def codec_name(text: str) -> str:
    """Return Python's name of an encoding, which it may not have here. Raises ValueError."""
    name = text.strip().lower()
    page = _CODE_PAGE.fullmatch(name)
    if page is None and name not in _NAMES:
        raise ValueError("it must be UTF8, UTF16, OEMCodePage, or CodePage and a number")
    return _NAMES[name] if page is None else _code_page(int(page[1]))


def known_codec(text: str) -> str:
    """Return Python's name of an encoding that it has on this system. Raises ValueError."""
    name = codec_name(text)
    try:
        return codecs.lookup(name).name
    except LookupError:  # oem: on Windows only
        raise ValueError(f"this system does not know {text.strip()}") from None


def _code_page(number: int) -> str:
    if 0 < number - _ISO_8859 <= 16:  # noqa: PLR2004 - as many parts as ISO 8859 has
        return f"iso8859-{number - _ISO_8859}"
    return _PAGES.get(number, f"cp{number:03}")
