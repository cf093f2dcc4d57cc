"""Removes secrets from the output of servers and programs, which may repeat their input.

Redact decoded text only: JSON can escape any character of a secret. There are two rules. Every
form of a secret that ``masks`` knows is replaced by ``***``. If the rest still contains a large
part of a secret, the whole text is replaced by ``***``.

This is for one text of any length, such as a member of an answer. ``disclosure`` judges the few
last lines of a program together, where the pieces may be shorter.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from html import unescape
from json import dumps
from urllib.parse import unquote

from signotaur_action.ci.masks import encodings
from signotaur_action.model import Secret
from signotaur_wire.keyformat import PREFIX, KeyFormatError
from signotaur_wire.keyformat import parse as parse_key

HIDDEN = "***"
_MIN_LEAK_LENGTH = 12
"""This many consecutive letters and digits of a secret, in any form, count as a leak."""
_LONGEST_ENCODED = 4096
"""Longer secrets are not keys or tokens. They are replaced verbatim, without encoded forms."""
_BACKSLASHED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)


class Redaction:
    """Hides the given secrets. Empty secrets are ignored."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = [secret for secret in secrets if secret.reveal()]

    def hides(self, secrets: Iterable[Secret]) -> bool:
        """Return whether it was made for exactly these secrets."""
        return self._secrets == [secret for secret in secrets if secret.reveal()]

    def text(self, text: str) -> str:
        """Return the text without the secrets, or only ``***`` if replacing is not enough."""
        shown = self.replace(text)
        return HIDDEN if self.leaks(shown) else shown

    def document(self, value: object) -> object:
        """Return a decoded JSON value with all strings and member names redacted.

        Raises RecursionError for a value that is nested too deeply.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.document(each) for each in value]
        if isinstance(value, dict):
            return {self.text(name): self.document(each) for name, each in value.items()}
        return value

    def replace(self, text: str) -> str:
        """Return the text with every known form of the secrets replaced by ``***``."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def leaks(self, text: str) -> bool:
        """Return whether the text contains a large part of a secret.

        Case is ignored, and so is everything between letters and digits: spaces, dashes, line
        ends. Escapes of JSON, URLs and HTML are also decoded.
        """
        return not all(
            self._fragments.isdisjoint(_parts(decoded))
            for decoded in {text, _unescape_backslashes(text), unquote(text), unescape(text)}
        )

    @cached_property
    def _forms(self) -> list[str]:
        """Longest first, because a form can contain another one."""
        forms = {form for secret in self._secrets for form in _forms_of(secret)}
        return sorted(forms, key=len, reverse=True)

    @cached_property
    def _fragments(self) -> frozenset[str]:
        short = [form for form in self._forms if len(form) <= 4 * _LONGEST_ENCODED]
        fragments = {part for form in short for part in _parts(form)}
        public = {part for secret in self._secrets for part in _parts(_public_part(secret))}
        return frozenset(fragments - public)


def _forms_of(secret: Secret) -> Iterator[str]:
    """Yield the forms of a secret; ``masks_for`` has none for a short one."""
    text = secret.reveal()
    yield text
    yield dumps(text)[1:-1]
    if len(text) <= _LONGEST_ENCODED:
        with suppress(UnicodeEncodeError):  # a lone surrogate, which JSON can contain
            yield from encodings(secret)


def _public_part(secret: Secret) -> str:
    """Return prefix and public id of a key in our format; empty for other secrets."""
    try:
        return PREFIX + parse_key(secret.reveal()).public_id
    except KeyFormatError:
        return ""


def _parts(text: str) -> Iterator[str]:
    plain = re.sub(r"[\W_]+", "", text.lower())
    return (
        plain[start : start + _MIN_LEAK_LENGTH]
        for start in range(len(plain) - _MIN_LEAK_LENGTH + 1)
    )


def _unescape_backslashes(text: str) -> str:
    return _BACKSLASHED.sub(_character, text)


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else escape[3]
