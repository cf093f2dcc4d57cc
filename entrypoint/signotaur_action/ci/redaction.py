"""Foreign texts without our secrets: what servers and programs say may repeat what they were given.

A text is redacted when it is decoded, not before: JSON may write any character of a secret as an
escape. Two rules hold. Every form that ``masks`` knows of a secret becomes ``***``. If what is left
still tells of a secret, the whole text becomes ``***``.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from html import unescape
from json import dumps
from urllib.parse import unquote

from signotaur_action.ci.masks import masks_for
from signotaur_action.model import Secret
from signotaur_wire.keyformat import PREFIX, KeyFormatError
from signotaur_wire.keyformat import parse as parse_key

HIDDEN = "***"
_MIN_LEAK_LENGTH = 12
"""So many letters and digits of a secret in a row, in any form, are too many to be shown."""
_LONGEST = 4096
"""Longer texts are no keys or tokens: they are looked for as they are, and in no other form."""
_BACKSLASHED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)


class Redaction:
    """Hides some secrets in texts of any length. An empty secret hides nothing."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = [secret for secret in secrets if secret.reveal()]

    def text(self, text: str) -> str:
        """Return a text without the secrets; ``***`` alone if it tells of them all the same."""
        shown = self.replaced(text)
        return HIDDEN if self.tells(shown) else shown

    def document(self, value: object) -> object:
        """Return what JSON says, without the secrets in its texts and names of members.

        Raises RecursionError for what is nested too deep.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.document(each) for each in value]
        if isinstance(value, dict):
            return {self.text(name): self.document(each) for name, each in value.items()}
        return value

    def replaced(self, text: str) -> str:
        """Return a text in which every known form of the secrets is ``***``."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def tells(self, text: str) -> bool:
        """Return whether a text holds much of a secret: a part, or with other signs between.

        Upper and lower case count as one. Escapes of JSON, URLs and HTML are read.
        """
        return any(
            part in self._telling
            for reading in {text, _backslashes_read(text), unquote(text), unescape(text)}
            for part in _parts(reading)
        )

    @cached_property
    def _forms(self) -> list[str]:
        """Longest first: a form may be a part of another one."""
        forms = {form for secret in self._secrets for form in _forms_of(secret)}
        return sorted(forms, key=len, reverse=True)

    @cached_property
    def _telling(self) -> frozenset[str]:
        short = [form for form in self._forms if len(form) <= 4 * _LONGEST]
        telling = {part for form in short for part in _parts(form)}
        public = {part for secret in self._secrets for part in _parts(_public_part(secret))}
        return frozenset(telling - public)


def _forms_of(secret: Secret) -> Iterator[str]:
    """Yield the texts that a secret appears as. Of a short one, masks know none."""
    text = secret.reveal()
    yield text
    yield dumps(text)[1:-1]
    if len(text) <= _LONGEST:
        with suppress(UnicodeEncodeError):  # half a character, which JSON can hold
            yield from masks_for(secret)


def _public_part(secret: Secret) -> str:
    """Return what a key of ours has in common with its public name; empty for other secrets."""
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


def _backslashes_read(text: str) -> str:
    return _BACKSLASHED.sub(_character, text)


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else escape[3]
