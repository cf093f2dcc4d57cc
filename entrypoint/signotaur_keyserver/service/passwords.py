"""Passwords: the rules for them, their hashes, and temporary ones."""

import secrets
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 12
MAX_LENGTH = 1024
"""Characters."""
# Without letters and digits that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 5
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1
"""OWASP's recommendation for argon2id: 19 MiB for each sign-in that is checked."""


class Passwords:
    """Hashes passwords and compares them; each call takes a thread a tenth of a second."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES
        )

    def hash(self, password: str) -> str:
        """Return the argon2id hash of a password."""
        return self._hasher.hash(_bytes(password))

    def matches(self, password_hash: str | None, password: str) -> bool:
        """Compare. Without a hash it does the same work and returns False."""
        try:
            matches = self._hasher.verify(password_hash or self._dummy_hash, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
        return matches and password_hash is not None

    @cached_property
    def _dummy_hash(self) -> str:
        return self._hasher.hash(secrets.token_bytes(32))


def fault(password: str, user_name: str) -> str | None:
    """Return what is wrong with a new password, or None."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        return f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters."
    if _normal(password).casefold() == _normal(user_name).casefold():
        return "The password must not be the user name."
    return None


def temporary() -> str:
    """Return a random password of 99 bits that a person can read aloud."""
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


def _normal(text: str) -> str:
    # One keyboard composes an accented letter, another one sends letter and accent.
    return unicodedata.normalize("NFC", text)


def _bytes(password: str) -> bytes:
    return _normal(password).encode()
