"""Subjects as text. RFC 4514 writes no space behind a comma; Windows and people do."""

import re

from cryptography import x509

from signotaur_keyserver.pki.material import MaterialError

_SPACES = re.compile(r"(?<!\\), +")


def without_spaces(subject: str) -> str:
    """Return a subject's text as RFC 4514 writes it."""
    return _SPACES.sub(",", subject)


def subject_name(text: str) -> x509.Name:
    """Read a subject such as ``CN=Example,O=Example Ltd``. Raises MaterialError."""
    try:
        name = x509.Name.from_rfc4514_string(without_spaces(text))
    except ValueError:
        name = x509.Name([])
    if not list(name):
        raise MaterialError("a subject looks like CN=Example,O=Example Ltd (RFC 4514)")
    return name
