"""What a key may look like, and how a plain key file contains it."""

import re

from signotaur_action.model import Secret
from signotaur_wire import keyformat

_KEY = re.compile(r"[!-~]{16,512}")
_BOM = "\ufeff"
LARGEST_FILE = 64 * 1024
"""Size limit of a file with a key, alone or in a dotenv file, in bytes."""


class KeyTextError(ValueError):
    """A text is not a key or contains none. The message never shows the text."""


def parse_key(text: str) -> Secret:
    """Read a key: 16 to 512 printable ASCII characters without space.

    Other servers' keys have other forms, so ours is required only of keys that carry our
    prefix: a wrong checksum there is a typing error, reported before any network use.
    Raises KeyTextError.
    """
    if not _KEY.fullmatch(text):
        raise KeyTextError("a key is 16 to 512 printable ASCII characters without spaces")
    if text.startswith(keyformat.PREFIX):
        try:
            keyformat.parse(text)
        except keyformat.KeyFormatError as error:
            raise KeyTextError(str(error)) from None
    return Secret(text)


def decode(content: bytes) -> str:
    """Return a file's text: UTF-8, a byte order mark dropped. Raises KeyTextError."""
    require_size(content)
    try:
        return content.decode().removeprefix(_BOM)
    except UnicodeDecodeError:
        raise KeyTextError("it is not UTF-8 text") from None


def require_size(content: bytes) -> None:
    """Raise KeyTextError for content that is too large for a file with a key."""
    if len(content) > LARGEST_FILE:
        raise KeyTextError(f"it is larger than {LARGEST_FILE // 1024} KiB")


def without_line_end(text: str) -> str:
    """Return the text without one final LF, CRLF or CR."""
    return re.sub(r"(\r\n|\n|\r)\Z", "", text)
