"""The key format: ``sig_`` + 15 base62 public id + ``_`` + 43 base62 secret + 6 base62 CRC-32.

Why each part is as it is: the prefix lets secret scanners find a leaked key; the alphabet
``[0-9A-Za-z_]`` needs no quoting in a shell, a dotenv file, JSON, YAML or a URL; 43 base62
characters carry 256 bits; the checksum finds a typing error before any network use; and the
length, 69, is a multiple of 3 on purpose, so that the GitHub runner's own base64 mask also
covers the key with a line end after it.
"""

import hashlib
import re
import secrets
import string
import zlib
from dataclasses import dataclass

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "sig_"
PUBLIC_ID_LENGTH = 15
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
KEY_LENGTH = len(PREFIX) + PUBLIC_ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH

PUBLIC_ID_PATTERN = rf"[0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}"
SHA256_PATTERN = r"[0-9a-f]{64}"

_KEY = re.compile(
    rf"{PREFIX}(?P<public_id>{PUBLIC_ID_PATTERN})_"
    rf"(?P<secret>[0-9A-Za-z]{{{SECRET_LENGTH}}})"
    rf"(?P<checksum>[0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)
_ANYWHERE = re.compile(rf"({PREFIX}{PUBLIC_ID_PATTERN}_)[0-9A-Za-z]+")


class KeyFormatError(ValueError):
    """A text is not a key of this format. The message says why and never shows the text."""


@dataclass(frozen=True)
class ParsedKey:
    """The parts of a key that need no secrecy, and the digest that the server stores."""

    public_id: str
    sha256: str
    """Lower-case hexadecimal SHA-256 of the whole key (64 characters)."""


def generate() -> str:
    """Return a fresh key made from the system's CSPRNG (69 characters)."""
    body = f"{PREFIX}{_random(PUBLIC_ID_LENGTH)}_{_random(SECRET_LENGTH)}"
    return body + checksum(body)


def parse(key: str) -> ParsedKey:
    """Split a key into public id and digest.

    Raises KeyFormatError when length, alphabet, prefix or checksum are wrong.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        raise KeyFormatError(
            f"a key is {KEY_LENGTH} characters: {PREFIX}, 15 letters and digits, _, "
            "and 49 letters and digits"
        )
    if checksum(key[:-CHECKSUM_LENGTH]) != match["checksum"]:
        raise KeyFormatError("the key's checksum does not match: a character is wrong or missing")
    return ParsedKey(match["public_id"], digest(key))


def without_keys(text: str) -> str:
    """Return the text with the secret part of every key of this format, whole or cut, left out."""
    return _ANYWHERE.sub(r"\1***", text)


def digest(key: str) -> str:
    """Return the lower-case hexadecimal SHA-256 of a key, as the server stores it.

    A fast hash is right here: 256 random bits cannot be guessed, however fast the hash is.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def checksum(body: str) -> str:
    """Return the CRC-32 of all that precedes it, as 6 base62 digits with leading zeros."""
    rest = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        rest, index = divmod(rest, len(ALPHABET))
        digits = ALPHABET[index] + digits
    return digits


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
